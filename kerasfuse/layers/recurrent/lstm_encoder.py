"""LSTMEncoder: a sequence as one vector, read both ways."""

import keras

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.recurrent.bidirectional_lstm import BidirectionalLSTM
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class LSTMEncoder(keras.layers.Layer):
    """Encode a sequence by a bidirectional LSTM, and pool it to a vector.

        Y = BidirectionalLSTM(D(X)),   y = D(pool(Y))

    with D dropout and pool a mode of `MaskedPooling` over the real steps.

    Reference: none; the usual sentence encoder, as an encoder of `LateFusion` and its relatives.

    Args:
        units: width of each of the two LSTMs.
        dropout: rate on the input and on the vector.
        pooling: how the vector is made, a mode of `MaskedPooling`.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor `(batch, 2 units)`, zeros where a sample has no real step.

    Raises:
        ValueError: for an unknown mode of pooling.

    Example:

    >>> LSTMEncoder(64)(np.ones((2, 50, 300))).shape   # (2, 128)
    """

    def __init__(self, units, dropout=0.0, pooling="attention", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout
        self.pooling = pooling

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.drop_input = Dropout(self.dropout, name="drop_input", dtype=policy)
        self.drop_output = Dropout(self.dropout, name="drop_output", dtype=policy)
        self.recurrence = BidirectionalLSTM(
            self.units, self.pooling, name="recurrence", dtype=policy
        )
        self.recurrence.build(inputs_shape)

    def call(self, inputs, mask=None, training=None):
        dropped = run(self.drop_input, inputs, training=training)
        _, summary = run(self.recurrence, dropped, mask=mask)
        return run(self.drop_output, summary, training=training)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], 2 * self.units)

    def get_config(self):
        config = {"units": self.units, "dropout": self.dropout, "pooling": self.pooling}
        return {**super().get_config(), **config}
