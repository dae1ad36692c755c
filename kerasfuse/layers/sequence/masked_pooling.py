"""MaskedPooling: one vector for a sequence, by its real steps alone."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.ops.masks import gather_step, last_valid_step

MODES = ("mean", "last", "attention")


@keras.saving.register_keras_serializable("kerasfuse")
class MaskedPooling(keras.layers.Layer):
    """Summarise a sequence by the mean of its real steps, by the last of them, or by attention.

        mean:       y = sum_i m_i x_i / sum_i m_i
        last:       y = x_n,                n = max {i : m_i}
        attention:  y = sum_i a_i x_i,      a = softmax over real i of w x_i

    with m the mask and w a vector that is learnt; it starts at 0, where attention is the mean. A
    sequence with no real step at all, an absent modality, pools to the zero vector, never to NaN.

    Args:
        mode: `"mean"`, `"last"` or `"attention"`.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None` for all of them.

    Returns:
        Tensor `(batch, width)`.

    Raises:
        ValueError: for an unknown mode.

    Example:

    >>> x = np.array([[[1.0], [3.0], [9.0]]])
    >>> MaskedPooling("mean")(x, mask=np.array([[True, True, False]]))   # [[2.]]
    """

    def __init__(self, mode="mean", **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"expected `mode` to be one of {MODES}. Received: {mode!r}")
        self.mode = mode

    def build(self, inputs_shape):
        if self.mode == "attention":
            self.query = self.add_weight(
                shape=(inputs_shape[-1],), initializer="zeros", name="query"
            )

    def call(self, inputs, mask=None):
        if self.mode == "attention":
            weights = ops.cast(self.attention(inputs, mask), inputs.dtype)
            return ops.sum(inputs * weights[:, :, None], axis=1)
        if mask is None:
            return inputs[:, -1] if self.mode == "last" else ops.mean(inputs, axis=1)
        weights = ops.cast(mask, inputs.dtype)
        if self.mode == "last":
            any_valid = ops.max(weights, axis=1, keepdims=True)
            return gather_step(inputs, last_valid_step(mask)) * any_valid
        total = ops.sum(inputs * weights[:, :, None], axis=1)
        return total / backend.at_least(ops.sum(weights, axis=1, keepdims=True), 1.0)

    def attention(self, inputs, mask=None):
        """Return what each step counts, a float32 tensor `(batch, steps)`; sums to 1, or is 0."""
        real = ops.ones_like(inputs[:, :, 0], dtype="float32")
        real = real if mask is None else ops.cast(mask, "float32")
        if self.mode == "last":
            steps = ops.arange(ops.shape(inputs)[1], dtype="int32")
            chosen = ops.equal(steps[None, :], last_valid_step(real > 0)[:, None])
            return real * ops.cast(chosen, "float32")
        if self.mode == "attention":
            scores = ops.cast(ops.matmul(inputs, self.query[:, None])[:, :, 0], "float32")
            # Less the highest of the real ones, so that no exponential overflows.
            highest = ops.max(ops.where(real > 0, scores, -1e9), axis=1, keepdims=True)
            real = real * ops.exp(ops.where(real > 0, scores - highest, 0.0))
        return real / ops.maximum(ops.sum(real, axis=1, keepdims=True), 1e-9)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], inputs_shape[2])

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
