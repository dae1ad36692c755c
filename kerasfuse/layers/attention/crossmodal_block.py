"""CrossmodalBlock: one layer of a crossmodal (or self-attention) transformer."""

import keras

from kerasfuse.layers.attention.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class CrossmodalBlock(keras.layers.Layer):
    """Reinforce a target sequence by a source: pre-norm attention, then a feed-forward net.

        Z' = Z + CrossmodalAttention(LN(Z), LN(S))      (one LN for target and source)
        Y  = Z' + W_2 relu(W_1 LN'(Z') + b_1) + b_2     (inner width 4 d)

    With the target as its own source it is a block of a self-attention transformer.

    Reference: Tsai et al., MulT, ACL 2019, section 3.2, equation 4, and its public code for the
    shared norm and the place of the dropouts. 12 d^2 + 13 d parameters at width d.

    Args:
        num_heads: heads of the attention; divides the width.
        residual_dropout: rate on what attention and the feed-forward net add.
        feedforward_dropout: rate inside the feed-forward net, after relu.
        attention_dropout: rate on the attention scores; see `CrossmodalAttention` for its price.
        causal: MulT's causal mask with slack.

    Call arguments:
        query: target tensor `(batch, Tq, width)`.
        source: source tensor `(batch, Tk, width)`, or `None` for self-attention.
        source_mask: boolean `(batch, Tk)`, `True` at real steps, or `None`.
        return_projections: also return the queries and keys, `(batch, steps, heads, head_dim)`.

    Returns:
        Tensor `(batch, Tq, width)`, or `(tensor, queries, keys)`.

    Example:

    >>> words, frames = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 40))
    >>> CrossmodalBlock(num_heads=8)(words, frames).shape   # (2, 50, 40)
    """

    def __init__(
        self,
        num_heads,
        residual_dropout=0.0,
        feedforward_dropout=0.0,
        attention_dropout=0.0,
        causal=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout
        self.attention_dropout = attention_dropout
        self.causal = causal

    def build(self, query_shape, source_shape=None):
        width = query_shape[-1]
        policy = self.dtype_policy

        def built(layer, *shapes):
            layer.build(*shapes)
            return layer

        def norm(name):
            return built(
                keras.layers.LayerNormalization(epsilon=1e-5, name=name, dtype=policy), query_shape
            )

        def dense(units, name, input_width, **kwargs):
            layer = keras.layers.Dense(units, name=name, dtype=policy, **kwargs)
            return built(layer, (*query_shape[:-1], input_width))

        self.attention_norm = norm("attention_norm")
        self.attention = built(
            CrossmodalAttention(
                self.num_heads, self.attention_dropout, self.causal, name="attention", dtype=policy
            ),
            query_shape,
            source_shape or query_shape,
        )
        self.feedforward_norm = norm("feedforward_norm")
        self.expand = dense(4 * width, "expand", width, activation="relu")
        self.contract = dense(width, "contract", 4 * width)
        self.drop_attended = Dropout(self.residual_dropout, dtype=policy)
        self.drop_expanded = Dropout(self.feedforward_dropout, dtype=policy)
        self.drop_contracted = Dropout(self.residual_dropout, dtype=policy)

    def call(self, query, source=None, source_mask=None, return_projections=False, training=None):
        target = run(self.attention_norm, query)
        attended, queries, keys = run(
            self.attention,
            target,
            target if source is None else run(self.attention_norm, source),
            source_mask=source_mask,
            return_projections=True,
            training=training,
        )
        x = query + run(self.drop_attended, attended, training=training)
        inner = run(self.expand, run(self.feedforward_norm, x))
        inner = run(self.drop_expanded, inner, training=training)
        x = x + run(self.drop_contracted, run(self.contract, inner), training=training)
        return (x, queries, keys) if return_projections else x

    def compute_output_shape(self, query_shape, source_shape=None):
        return query_shape

    def compute_output_spec(
        self, query, source=None, source_mask=None, return_projections=False, training=None
    ):
        batch, steps, width = query.shape
        output = keras.KerasTensor((batch, steps, width), dtype=self.compute_dtype)
        if not return_projections:
            return output
        heads = (self.num_heads, width // self.num_heads)
        source_steps = steps if source is None else source.shape[1]
        queries = keras.KerasTensor((batch, steps, *heads), dtype=self.compute_dtype)
        keys = keras.KerasTensor((batch, source_steps, *heads), dtype=self.compute_dtype)
        return output, queries, keys

    def get_config(self):
        config = {
            "num_heads": self.num_heads,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
            "causal": self.causal,
        }
        return {**super().get_config(), **config}
