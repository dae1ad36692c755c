"""CrossmodalAttention: the steps of one modality look at those of another."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.layers.attention.replaceable_scores import ReplaceableScores
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run, run_together
from kerasfuse.ops.attention import attention_mask
from kerasfuse.ops.masks import presence


@keras.saving.register_keras_serializable("kerasfuse")
class CrossmodalAttention(ReplaceableScores, keras.layers.Layer):
    """Attend from the steps of a target modality to those of a source modality.

        Q = X_t W_Q + b_Q,  K = X_s W_K + b_K,  V = X_s W_V + b_V       (split into heads)
        Y = concat_h softmax(Q_h K_h^T / sqrt(d_h)) V_h W_O + b_O

    Padded source steps get no attention. A sample whose source is absent altogether gets exactly 0
    (masked after the output projection, whose bias would otherwise pass through).

    The backend's fused kernel runs whenever nobody needs the scores: nothing of shape (Tq, Tk) is
    then held in memory. Asking for the scores does not change the output. Any attention dropout
    gives the fused kernel up, in inference too; that is why it is 0 by default: drop after
    attention.

    Reference: Tsai et al., MulT, ACL 2019, section 3.1, equation 1.

    Args:
        num_heads: number of heads; divides the width of the target.
        dropout: dropout rate on the attention scores.
        causal: let query i see key j only if j <= i + |Tk - Tq| (MulT's mask; it depends on padded
            lengths).

    Call arguments:
        query: target tensor `(batch, Tq, width)`.
        source: source tensor `(batch, Tk, any width)`.
        source_mask: boolean `(batch, Tk)`, `True` at real steps, or `None`.
        return_attention_scores: also return the scores `(batch, heads, Tq, Tk)`.
        return_projections: also return Q and K, `(batch, steps, heads, head_dim)`, for losses that
            align them.

    Returns:
        Tensor `(batch, Tq, width)`, or a tuple of it and what was asked for.

    Raises:
        ValueError: when `num_heads` does not divide the width of the target.

    Example:

    >>> words, frames = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 20))
    >>> CrossmodalAttention(num_heads=8)(words, frames).shape   # (2, 50, 40)
    """

    def __init__(self, num_heads, dropout=0.0, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.causal = causal
        self.supports_masking = True

    def build(self, query_shape, source_shape):
        width = query_shape[-1]
        if width % self.num_heads:
            raise ValueError(
                "expected `num_heads` to divide the width of the target. "
                f"Received: num_heads={self.num_heads}, width {width}"
            )

        def dense(name, input_shape, fan_out=1):
            # MulT initialises Q, K and V as one matrix of three times the width.
            limit = (6.0 / (input_shape[-1] + fan_out * width)) ** 0.5
            initializer = keras.initializers.RandomUniform(-limit, limit)
            layer = keras.layers.Dense(
                width, kernel_initializer=initializer, name=name, dtype=self.dtype_policy
            )
            layer.build(input_shape)
            return layer

        self.query_projection = dense("query", query_shape, fan_out=3)
        self.key_projection = dense("key", source_shape, fan_out=3)
        self.value_projection = dense("value", source_shape, fan_out=3)
        self.output_projection = dense("output", query_shape)
        if self.dropout:
            self.score_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(
        self,
        query,
        source,
        source_mask=None,
        return_attention_scores=False,
        return_projections=False,
        training=None,
    ):
        # Only of a modality that looks at another one.
        replace = None if query is source else self._replace
        query, key, value = (self._split_heads(x) for x in self._project(query, source))

        scores = None
        if self.dropout or return_attention_scores or replace:
            scores = fuse_ops.attention_scores(query, key, source_mask, self.causal)
        if replace:
            mask = attention_mask(query, key, source_mask, self.causal)
            scores = replace(scores, mask)
        if self.dropout or replace:
            dropped = scores
            if self.dropout:
                dropped = run(self.score_dropout, scores, training=training)
            attended = ops.einsum("bhqk,bkhd->bqhd", ops.cast(dropped, value.dtype), value)
        else:
            attended = fuse_ops.fused_attention(query, key, value, source_mask, self.causal)

        width = self.num_heads * attended.shape[-1]
        attended = backend.reshape(attended, (-1, ops.shape(attended)[1], width))
        output = run(self.output_projection, attended)
        if source_mask is not None:
            output = output * presence(source_mask, output.dtype)[:, :, None]

        extras = ()
        if return_attention_scores:
            extras += (scores,)
        if return_projections:
            extras += (query, key)
        return (output, *extras) if extras else output

    def _project(self, query, source):
        of_query, *of_source = self.query_projection, self.key_projection, self.value_projection
        if query is source:
            return run_together([of_query, *of_source], source)
        return [run(of_query, query), *run_together(of_source, source)]

    def _split_heads(self, x):
        # (batch, steps, width) -> (batch, steps, heads, head_dim)
        head_dim = x.shape[-1] // self.num_heads
        return backend.reshape(x, (-1, ops.shape(x)[1], self.num_heads, head_dim))

    def compute_output_shape(self, query_shape, source_shape):
        return query_shape

    def compute_output_spec(
        self,
        query,
        source,
        source_mask=None,
        return_attention_scores=False,
        return_projections=False,
        training=None,
    ):
        batch, query_steps, width = query.shape
        source_steps = source.shape[1]
        heads, head_dim = self.num_heads, width // self.num_heads

        def spec(*shape, dtype=self.compute_dtype):
            return keras.KerasTensor((batch, *shape), dtype=dtype)

        extras = ()
        if return_attention_scores:
            extras += (spec(heads, query_steps, source_steps, dtype="float32"),)
        if return_projections:
            extras += (spec(query_steps, heads, head_dim), spec(source_steps, heads, head_dim))
        output = spec(query_steps, width)
        return (output, *extras) if extras else output

    def get_config(self):
        config = {"num_heads": self.num_heads, "dropout": self.dropout, "causal": self.causal}
        return {**super().get_config(), **config}
