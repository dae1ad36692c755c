"""MLPHead: from a fused vector to outputs, through plain hidden layers."""

import keras

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class MLPHead(keras.layers.Layer):
    """Predict from a fused vector through hidden layers, each after a dropout.

        h_0 = h,   h_l = relu(W_l dropout(h_(l-1)) + b_l),   y = W h_L + b

    The head of the baselines that MulT, MICA and HCT-MG are compared with; their papers call it
    fully connected layers.

    Args:
        num_outputs: number of scores or logits.
        hidden_units: list of the widths of the hidden layers.
        dropout: rate on what each hidden layer reads.

    Call arguments:
        inputs: tensor `(batch, width)`.

    Returns:
        Tensor `(batch, num_outputs)`: raw scores, float32 whatever the compute type.

    Example:

    >>> MLPHead(num_outputs=1, hidden_units=[64])(np.ones((2, 120))).shape   # (2, 1)
    """

    def __init__(self, num_outputs, hidden_units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_outputs = num_outputs
        self.hidden_units = list(hidden_units)
        self.dropout = dropout

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.drops, self.hidden = [], []
        for index, units in enumerate(self.hidden_units):
            self.drops.append(Dropout(self.dropout, dtype=policy))
            dense = keras.layers.Dense(
                units, activation="relu", name=f"hidden_{index}", dtype=policy
            )
            dense.build(inputs_shape)
            self.hidden.append(dense)
            inputs_shape = (inputs_shape[0], units)
        self.scores = keras.layers.Dense(self.num_outputs, name="scores", dtype="float32")
        self.scores.build(inputs_shape)

    def call(self, inputs, training=None):
        x = inputs
        for drop, dense in zip(self.drops, self.hidden, strict=True):
            x = run(dense, run(drop, x, training=training))
        return self.scores(x)

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor((inputs.shape[0], self.num_outputs), dtype="float32")

    def get_config(self):
        config = {
            "num_outputs": self.num_outputs,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}
