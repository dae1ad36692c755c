"""ResidualHead: from a fused vector to outputs."""

import keras

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class ResidualHead(keras.layers.Layer):
    """Predict from a fused vector through one residual hidden layer.

        h' = h + W_2 dropout(relu(W_1 h + b_1)) + b_2,   y = W h' + b

    Reference: the head of MulT's public code (Tsai et al., ACL 2019); MICA says "several fully
    connected layers".

    Args:
        num_outputs: number of scores or logits.
        dropout: rate after relu.

    Call arguments:
        inputs: tensor `(batch, width)`.

    Returns:
        Tensor `(batch, num_outputs)`: raw scores, float32 whatever the compute type.

    Example:

    >>> ResidualHead(num_outputs=1)(np.ones((2, 120))).shape   # (2, 1)
    """

    def __init__(self, num_outputs, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_outputs = num_outputs
        self.dropout = dropout

    def build(self, inputs_shape):
        width, policy = inputs_shape[-1], self.dtype_policy
        self.hidden = keras.layers.Dense(width, activation="relu", name="hidden", dtype=policy)
        self.drop = Dropout(self.dropout, dtype=policy)
        self.residual = keras.layers.Dense(width, name="residual", dtype=policy)
        self.scores = keras.layers.Dense(self.num_outputs, name="scores", dtype="float32")
        for layer in (self.hidden, self.residual, self.scores):
            layer.build(inputs_shape)

    def call(self, inputs, training=None):
        inner = run(self.drop, run(self.hidden, inputs), training=training)
        return self.scores(inputs + run(self.residual, inner))

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor((inputs.shape[0], self.num_outputs), dtype="float32")

    def get_config(self):
        config = {"num_outputs": self.num_outputs, "dropout": self.dropout}
        return {**super().get_config(), **config}
