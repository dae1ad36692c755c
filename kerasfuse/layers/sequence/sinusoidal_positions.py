"""SinusoidalPositions: scale a sequence and add where each of its steps stands."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.ops.positions import positions_from_first_valid


@keras.saving.register_keras_serializable("kerasfuse")
class SinusoidalPositions(keras.layers.Layer):
    """Scale a sequence by sqrt(width) and add sinusoidal positions to its real steps.

        Y_i = sqrt(d) X_i + PE(p_i)   at real steps,   sqrt(d) X_i at padded ones

    Positions count from 1 at the first real step, so padding on the left moves nothing and a frame
    missing in the middle keeps its place in time. Without a mask the layer is MulT's own: positions
    count from 1 at the first step of the array, and a step whose first channel is exactly 0 gets
    the zero vector.

    Reference: Tsai et al., MulT, ACL 2019, section 3.2, and its public code.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor like `inputs`.

    Example:

    >>> SinusoidalPositions()(np.ones((2, 50, 40))).shape   # (2, 50, 40)
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def call(self, inputs, mask=None):
        width = inputs.shape[-1]
        if mask is None:
            placed = ops.not_equal(inputs[:, :, 0], 0)
            positions = ops.arange(1, ops.shape(inputs)[1] + 1, dtype="int32")[None, :]
            encoding = _encoding(placed, width, inputs.dtype, positions)
        else:
            # Several layers of a model place the same steps.
            encoding = backend.once(_encoding, mask, width, inputs.dtype)
        return inputs * width**0.5 + encoding

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return inputs_shape


def _encoding(placed, width, dtype, positions=None):
    if positions is None:
        positions = backend.once(positions_from_first_valid, placed)
    encoding = ops.cast(fuse_ops.sinusoid(positions, width), dtype)
    return encoding * ops.cast(placed, dtype)[:, :, None]
