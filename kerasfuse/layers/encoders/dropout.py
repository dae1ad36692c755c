"""Dropout: Keras' own, with cheaper random numbers."""

import keras

from kerasfuse import backend


@keras.saving.register_keras_serializable("kerasfuse")
class Dropout(keras.layers.Dropout):
    """Set a share of the entries to 0 in training, and scale the others up.

        y = x * kept / (1 - rate),   kept ~ Bernoulli(1 - rate) for each entry

    `keras.layers.Dropout` in all but speed: on a CPU under PyTorch the masks of a small transformer
    otherwise take more time than its attention. There the rate is rounded to 1 / 65,536 and the
    numbers come from PyTorch's global generator, which `keras.utils.set_random_seed` sets.

    Reference: Srivastava et al., "Dropout", JMLR 2014.

    Args:
        rate: share of the entries that are dropped, in [0, 1].

    Call arguments:
        inputs: tensor of any shape.
        training: whether to drop.

    Returns:
        Tensor like `inputs`.

    Example:

    >>> Dropout(0.5)(np.ones((2, 4)), training=True)   # zeros and twos
    """

    def __init__(self, rate, **kwargs):
        super().__init__(rate, **kwargs)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return backend.dropout(inputs, self.rate, self.seed_generator)

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in config if name not in ("seed", "noise_shape")}
