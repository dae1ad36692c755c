"""LeftJustify: begin every sequence at the first step."""

import keras
from keras import ops

from kerasfuse.ops.masks import first_valid_step


@keras.saving.register_keras_serializable("kerasfuse")
class LeftJustify(keras.layers.Layer):
    """Move each sample to the left until its first real step is the first of the array.

        Y_i = X_(i + f),   f the first real step; zeros where there is no such step

    For what counts positions from the start of the array, or reads its first step, as a BERT does.

    Call arguments:
        inputs: tensor `(batch, steps, width)` or `(batch, steps)`.
        mask: boolean `(batch, steps)`, `True` at real steps.

    Returns:
        Tensor like `inputs`.

    Example:

    >>> x = np.array([[0, 0, 7, 5]])
    >>> LeftJustify()(x, mask=x != 0)   # [[7, 5, 0, 0]]
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs, mask):
        steps = ops.shape(inputs)[1]
        places = ops.arange(steps, dtype="int32") + first_valid_step(mask)[:, None]
        inside, places = places < steps, ops.minimum(places, steps - 1)
        if len(inputs.shape) == 3:
            inside, places = inside[:, :, None], places[:, :, None]
        return ops.take_along_axis(inputs, places, axis=1) * ops.cast(inside, inputs.dtype)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_spec(self, inputs, mask):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
