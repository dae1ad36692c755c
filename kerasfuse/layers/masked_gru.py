"""MaskedGRU: a recurrent encoder that skips padding."""

import keras

from kerasfuse import backend


@keras.saving.register_keras_serializable("kerasfuse")
class MaskedGRU(keras.layers.Layer):
    """Encode a sequence by a stack of GRUs without biases that skip what is not real.

        H^0 = X,   H^(l+1) = GRU_l(H^l) o mask

    A skipped step leaves the state as it was, so neither padding nor a missing frame changes what
    the other steps become. A sequence without any real step becomes zeros.

    Reference: Cho et al., EMNLP 2014, with the reset gate applied after the product, as in
    `keras.layers.GRU` and PyTorch. 6 units^2 parameters a layer whose input is as wide as it.

    Args:
        units: width of every layer.
        num_layers: number of layers.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor `(batch, steps, units)`.

    Example:

    >>> MaskedGRU(40, num_layers=3)(np.ones((2, 50, 300))).shape   # (2, 50, 40)
    """

    def __init__(self, units, num_layers=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.num_layers = num_layers

    def build(self, inputs_shape):
        self.grus = []
        for index in range(self.num_layers):
            gru = keras.layers.GRU(
                self.units,
                use_bias=False,
                return_sequences=True,
                name=f"gru_{index}",
                dtype=self.dtype_policy,
            )
            gru.build((*inputs_shape[:2], self.units if index else inputs_shape[2]))
            self.grus.append(gru)

    def call(self, inputs, mask=None):
        return backend.masked_gru(inputs, mask, self.grus)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:2], self.units)

    def get_config(self):
        config = {"units": self.units, "num_layers": self.num_layers}
        return {**super().get_config(), **config}
