"""DeltaMemoryAttention: what changed together in the memories of several LSTMs."""

import keras
from keras import ops

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run
from kerasfuse.ops.linear_recurrence import with_previous


@keras.saving.register_keras_serializable("kerasfuse")
class DeltaMemoryAttention(keras.layers.Layer):
    """Weigh the memories of several LSTMs before and after a step by a softmax over all of them.

        c*_t = [c_(t-1); c_t] of all LSTMs,   a_t = softmax(W_2 dropout(relu(W_1 c*_t)))
        c^_t = a_t o c*_t

    The softmax runs over the entries of c*_t, so that each step says which dimensions of which
    memory matter. Seeing a memory before and after the step, it can tell a value that has just
    changed from one that was there all along.

    Reference: Zadeh, Liang, Mazumder, Poria, Cambria, Morency, "Memory Fusion Network for
    Multi-view Sequential Learning", AAAI 2018, "Delta-memory Attention Network".

    Args:
        hidden_units: width of the hidden layer.
        dropout: rate after relu.

    Call arguments:
        inputs: list of memories `(batch, steps, d_m)`, such as the cells of `MaskedLSTM`.

    Returns:
        c^, tensor `(batch, steps, 2 sum_m d_m)`: all memories before the step, then all after it.

    Example:

    >>> attend = DeltaMemoryAttention(hidden_units=32)
    >>> attend([np.ones((2, 9, 16)), np.ones((2, 9, 8))]).shape   # (2, 9, 48)
    """

    def __init__(self, hidden_units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = hidden_units
        self.dropout = dropout

    def build(self, inputs_shape):
        policy, (batch, steps, _) = self.dtype_policy, inputs_shape[0]
        width = 2 * sum(shape[-1] for shape in inputs_shape)
        self.hidden = keras.layers.Dense(
            self.hidden_units, activation="relu", name="hidden", dtype=policy
        )
        self.drop = Dropout(self.dropout, dtype=policy)
        self.logits = keras.layers.Dense(width, name="logits", dtype=policy)
        self.hidden.build((batch, steps, width))
        self.logits.build((batch, steps, self.hidden_units))

    def call(self, inputs, training=None):
        memories = with_previous(ops.concatenate(inputs, axis=-1))
        hidden = run(self.drop, run(self.hidden, memories), training=training)
        logits = run(self.logits, hidden)
        weights = ops.softmax(ops.cast(logits, "float32"), axis=-1)
        return ops.cast(weights, memories.dtype) * memories

    def compute_output_spec(self, inputs, training=None):
        width = 2 * sum(x.shape[-1] for x in inputs)
        return keras.KerasTensor((*inputs[0].shape[:2], width), dtype=self.compute_dtype)

    def get_config(self):
        config = {"hidden_units": self.hidden_units, "dropout": self.dropout}
        return {**super().get_config(), **config}
