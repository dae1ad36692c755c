"""BidirectionalLSTM: a recurrent encoder that reads both ways."""

import keras
from keras import ops

from kerasfuse.layers.recurrent.masked_lstm import MaskedLSTM
from kerasfuse.layers.sequence.masked_pooling import MaskedPooling
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class BidirectionalLSTM(keras.layers.Layer):
    """Encode a sequence by two LSTMs, one of which reads it from its end.

        Y_t = [LSTM(X)_t; LSTM'(X)_t],   y = [LSTM(X)_n; LSTM'(X)_1]

    with n the last real step and 1 the first, where each LSTM has read everything. With another
    `pooling` y is that of Y. Padding and missing frames are skipped, see `MaskedLSTM`.

    Args:
        units: width of each of the two.
        pooling: how the summary is made, a mode of `MaskedPooling`.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Y, tensor `(batch, steps, 2 units)`, 0 at skipped steps, and y, `(batch, 2 units)`, zeros
        for a sequence without any real step.

    Example:

    >>> sequence, summary = BidirectionalLSTM(16)(np.ones((2, 50, 300)))   # (2, 50, 32), (2, 32)
    """

    def __init__(self, units, pooling="last", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pooling = pooling

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.forwards = MaskedLSTM(self.units, name="forwards", dtype=policy)
        self.backwards = MaskedLSTM(self.units, backwards=True, name="backwards", dtype=policy)
        self.forwards.build(inputs_shape)
        self.backwards.build(inputs_shape)
        self.last = MaskedPooling("last", dtype=policy)
        if self.pooling != "last":
            self.pool = MaskedPooling(self.pooling, name="pool", dtype=policy)
            self.pool.build((*inputs_shape[:2], 2 * self.units))

    def call(self, inputs, mask=None):
        ahead, back = (run(x, inputs, mask=mask) for x in (self.forwards, self.backwards))
        sequence = ops.concatenate([ahead, back], axis=-1)
        if self.pooling != "last":
            return sequence, run(self.pool, sequence, mask=mask)
        turned = None if mask is None else ops.flip(mask, axis=1)
        summary = [
            run(self.last, ahead, mask=mask),
            run(self.last, ops.flip(back, axis=1), mask=turned),
        ]
        return sequence, ops.concatenate(summary, axis=-1)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_spec(self, inputs, mask=None):
        batch, steps, _ = inputs.shape
        sequence = keras.KerasTensor((batch, steps, 2 * self.units), dtype=self.compute_dtype)
        return sequence, keras.KerasTensor((batch, 2 * self.units), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pooling": self.pooling}
