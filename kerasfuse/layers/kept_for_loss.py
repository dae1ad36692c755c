"""KeptForLoss: hand tensors from inside a model to its loss."""

import keras


@keras.saving.register_keras_serializable("kerasfuse")
class KeptForLoss(keras.layers.Layer):
    """Pass the output through, and keep other tensors until the loss of this step takes them.

    A loss that compares inner representations by their labels can neither be added in `call`,
    which has no labels, nor compiled, as outputs are all that it would get. In training the tensors
    of the last call wait here for `compute_loss`, which runs in the same step and the same trace.

    Call arguments:
        inputs: tensor to pass through.
        kept: dict of name to tensor.

    Returns:
        `inputs`.

    Example:

    >>> layer = KeptForLoss()
    >>> y = layer(np.ones((2, 1)), {"text": np.ones((2, 8))}, training=True)
    >>> list(layer.take())
    ['text']
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._kept = ()
        self.built = True

    def call(self, inputs, kept, training=None):
        if training:
            # A tuple: Keras would look for layers and variables in a dict.
            self._kept = tuple(kept.items())
        return inputs

    def take(self):
        """Return what was kept, `None` if nothing was, and let go of it."""
        kept, self._kept = dict(self._kept), ()
        return kept or None

    def compute_output_spec(self, inputs, kept, training=None):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
