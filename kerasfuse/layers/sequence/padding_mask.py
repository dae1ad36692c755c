"""PaddingMask: find the real steps of a raw input."""

import keras

from kerasfuse import ops as fuse_ops


@keras.saving.register_keras_serializable("kerasfuse")
class PaddingMask(keras.layers.Layer):
    """Tell the real steps of a raw sequence from the padded ones.

    A step is padding when all its features are exactly 0 (or its id is 0), on either side. The mask
    is found before any cast: in half precision a tiny feature would round to 0 and vanish.

    Call arguments:
        inputs: tensor `(batch, steps, features)` of numbers or `(batch, steps)` of ids.

    Returns:
        Boolean tensor `(batch, steps)`, `True` where a step is real.

    Example:

    >>> PaddingMask()(np.array([[[0.0, 0.0], [0.0, 2.0]]]))   # [[False, True]]
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        return fuse_ops.padding_mask(inputs)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape[:2], dtype="bool")
