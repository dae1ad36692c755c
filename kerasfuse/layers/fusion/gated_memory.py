"""GatedMemory: what several modalities said together, remembered over time."""

import keras
from keras import ops

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run
from kerasfuse.ops.linear_recurrence import linear_recurrence

NETWORKS = ("update", "retain_gate", "update_gate")


@keras.saving.register_keras_serializable("kerasfuse")
class GatedMemory(keras.layers.Layer):
    """Store a sequence in one memory, of which two gates let go and to which they add.

        u^_t = D_u(x_t),   r_t = sigmoid(D_r(x_t)),   s_t = sigmoid(D_s(x_t))
        u_t  = r_t o u_(t-1) + s_t o tanh(u^_t),      u_0 = 0

    with D a hidden layer of relu and a linear one. A step that is not real leaves the memory as it
    was. The gates see x_t alone, so that the memory is linear in its own past and all steps are
    computed at once.

    Reference: Zadeh et al., "Memory Fusion Network for Multi-view Sequential Learning", AAAI 2018,
    "Multi-view Gated Memory", where x_t is c^_t. The code that circulates also shows the gates the
    memory itself, [c^_t; u_(t-1)]; the paper's equations do not, and neither do we.

    Args:
        units: width of the memory.
        hidden_units: width of the hidden layers.
        dropout: rate after relu.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        The memory after the last step, `(batch, units)`; zeros where no step is real.

    Example:

    >>> GatedMemory(16, hidden_units=32)(np.ones((2, 9, 48))).shape   # (2, 16)
    """

    def __init__(self, units, hidden_units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden_units = hidden_units
        self.dropout = dropout

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.hidden, self.drops, self.outer = {}, {}, {}
        for name in NETWORKS:
            self.hidden[name] = keras.layers.Dense(
                self.hidden_units, activation="relu", name=f"{name}_hidden", dtype=policy
            )
            self.drops[name] = Dropout(self.dropout, dtype=policy)
            self.outer[name] = keras.layers.Dense(self.units, name=name, dtype=policy)
            self.hidden[name].build(inputs_shape)
            self.outer[name].build((*inputs_shape[:2], self.hidden_units))

    def call(self, inputs, mask=None, training=None):
        update, retain, add = (self._network(name, inputs, training) for name in NETWORKS)
        retain, add = ops.sigmoid(retain), ops.sigmoid(add) * ops.tanh(update)
        if mask is not None:
            real = ops.cast(mask, add.dtype)[:, :, None]
            retain, add = real * retain + (1.0 - real), real * add
        return linear_recurrence(retain, add)[:, -1]

    def _network(self, name, x, training):
        hidden = run(self.drops[name], run(self.hidden[name], x), training=training)
        return run(self.outer[name], hidden)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_spec(self, inputs, mask=None, training=None):
        return keras.KerasTensor((inputs.shape[0], self.units), dtype=self.compute_dtype)

    def get_config(self):
        config = {
            "units": self.units,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}
