"""MaskedPooling: one vector for a sequence, by its real steps alone."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.ops.masks import gather_step, last_valid_step

MODES = ("mean", "last")


@keras.saving.register_keras_serializable("kerasfuse")
class MaskedPooling(keras.layers.Layer):
    """Summarise a sequence by the mean of its real steps, or by the last of them.

        mean:  y = sum_i m_i x_i / sum_i m_i        last:  y = x_n, n = max {i : m_i}

    A sequence with no real step at all, an absent modality, pools to the zero vector, never to NaN.

    Args:
        mode: `"mean"` or `"last"`.

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

    def call(self, inputs, mask=None):
        if mask is None:
            return inputs[:, -1] if self.mode == "last" else ops.mean(inputs, axis=1)
        weights = ops.cast(mask, inputs.dtype)
        if self.mode == "last":
            any_valid = ops.max(weights, axis=1, keepdims=True)
            return gather_step(inputs, last_valid_step(mask)) * any_valid
        total = ops.sum(inputs * weights[:, :, None], axis=1)
        return total / backend.at_least(ops.sum(weights, axis=1, keepdims=True), 1.0)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], inputs_shape[2])

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
