"""MaskedConv1D: a temporal convolution after which padding is still zero."""

import keras
from keras import ops

from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class MaskedConv1D(keras.layers.Layer):
    """Convolve over time without a bias, and set padded steps back to zero.

        Y = (W * X) o mask,   * with "same" padding

    A kernel wider than 1 leaks real steps into the padding beside them; masked again, the output
    does not depend on how much padding there was.

    Reference: the temporal convolution of MulT (Tsai et al., ACL 2019, section 3.1), bias-free as
    in its public code.

    Args:
        filters: width of the output.
        kernel_size: steps that one output step sees.

    Call arguments:
        inputs: tensor `(batch, steps, features)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor `(batch, steps, filters)`.

    Example:

    >>> MaskedConv1D(40, kernel_size=3)(np.ones((2, 50, 300))).shape   # (2, 50, 40)
    """

    def __init__(self, filters, kernel_size=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.convolution = keras.layers.Conv1D(
            filters, kernel_size, padding="same", use_bias=False, dtype=self.dtype_policy
        )

    def build(self, inputs_shape):
        self.convolution.build(inputs_shape)

    def call(self, inputs, mask=None):
        outputs = run(self.convolution, inputs)
        if mask is None:
            return outputs
        return outputs * ops.cast(mask, outputs.dtype)[:, :, None]

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:2], self.filters)

    def get_config(self):
        config = {"filters": self.filters, "kernel_size": self.kernel_size}
        return {**super().get_config(), **config}
