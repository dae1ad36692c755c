"""PostNormBlock: a layer of the first transformer, self-attention normed after each sum."""

import keras

from kerasfuse.layers.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.dropout import Dropout


@keras.saving.register_keras_serializable("kerasfuse")
class PostNormBlock(keras.layers.Layer):
    """Let vectors attend to each other, then pass each through a feed-forward net.

        X' = LN(X + dropout(MHA(X, X, X)))
        Y  = LN(X' + dropout(W_2 dropout(relu(W_1 X'))))

    Reference: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.1.

    Args:
        num_heads: heads of the attention; divides the width.
        feedforward_units: width inside the feed-forward net.
        dropout: rate of all three dropouts.

    Call arguments:
        inputs: tensor `(batch, vectors, width)`.

    Returns:
        Tensor like `inputs`.

    Example:

    >>> PostNormBlock(num_heads=2, feedforward_units=64)(np.ones((2, 6, 32))).shape   # (2, 6, 32)
    """

    def __init__(self, num_heads, feedforward_units, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.dropout = dropout

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.attention = CrossmodalAttention(self.num_heads, name="attention", dtype=policy)
        self.attention.build(inputs_shape, inputs_shape)
        self.expand = keras.layers.Dense(
            self.feedforward_units, activation="relu", name="expand", dtype=policy
        )
        self.contract = keras.layers.Dense(inputs_shape[-1], name="contract", dtype=policy)
        self.expand.build(inputs_shape)
        self.contract.build((*inputs_shape[:-1], self.feedforward_units))
        self.norms, self.drops = [], [Dropout(self.dropout, dtype=policy) for _ in range(3)]
        for name in ("attention_norm", "feedforward_norm"):
            norm = keras.layers.LayerNormalization(epsilon=1e-5, name=name, dtype=policy)
            norm.build(inputs_shape)
            self.norms.append(norm)

    def call(self, inputs, training=None):
        attended = self.attention(inputs, inputs, training=training)
        x = self.norms[0](inputs + self.drops[0](attended, training=training))
        inner = self.contract(self.drops[1](self.expand(x), training=training))
        return self.norms[1](x + self.drops[2](inner, training=training))

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        config = {
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}
