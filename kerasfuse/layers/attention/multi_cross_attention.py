"""MultiCrossAttention: one sequence looks at several others at once."""

import keras
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.deprecation import renamed_arguments


@renamed_arguments(return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class MultiCrossAttention(keras.layers.Layer):
    """Attend from one sequence to several sources, and add up what is found.

        CA(X, S_m) = softmax(X W_Q (S_m W_K^m)^T / sqrt(d_h)) S_m W_V^m      (heads side by side)
        Y = [ sum_m CA(X, S_m) ] W_O

    The query projection and the output projection are shared, keys and values are each source's
    own. Without biases, as in the equation, so that a source that is absent adds exactly 0; padded
    steps get no attention.

    Reference: DAHB, equation 1, and the "Multi-CA" of equation 5 and Figure 3. The equations have
    no output projection; the authors' later release has one in temporal alignment. With one
    everywhere the multiply-adds of Table 5 come out.

    Args:
        num_heads: number of heads; divides the width of the query.

    Call arguments:
        query: tensor `(batch, Tq, width)`.
        sources: dict of name to tensor `(batch, Tm, any width)`.
        source_masks: dict of name to boolean `(batch, Tm)`, `True` at real steps.
        return_attention_scores: also return the attention to each source, averaged over its heads:
            a dict of name to tensor `(batch, Tq, Tm)`.

    Returns:
        Tensor `(batch, Tq, width)`, or a tuple of it and the dict.

    Raises:
        ValueError: when `num_heads` does not divide the width of the query.

    Example:

    >>> words, sounds = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 20))
    >>> attend = MultiCrossAttention(num_heads=8)
    >>> attend(words, {"audio": sounds}, {"audio": np.ones((2, 500), bool)}).shape   # (2, 50, 40)
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, query_shape, sources_shape):
        width = query_shape[-1]
        if width % self.num_heads:
            raise ValueError(
                "expected `num_heads` to divide the width of the query. "
                f"Received: num_heads={self.num_heads}, width {width}"
            )

        def dense(name, input_shape):
            layer = keras.layers.Dense(width, use_bias=False, name=name, dtype=self.dtype_policy)
            layer.build(input_shape)
            return layer

        self.query_projection = dense("query", query_shape)
        self.key_projections = {m: dense(f"{m}_key", s) for m, s in sources_shape.items()}
        self.value_projections = {m: dense(f"{m}_value", s) for m, s in sources_shape.items()}
        self.output_projection = dense("output", query_shape)

    def call(self, query, sources, source_masks, return_attention_scores=False):
        query = self._split_heads(self.query_projection(query))
        found, attention = [], {}
        for name, source in sources.items():
            mask = source_masks[name]
            key = self._split_heads(self.key_projections[name](source))
            value = self._split_heads(self.value_projections[name](source))
            attended = fuse_ops.fused_attention(query, key, value, mask)
            present = ops.any(mask, axis=1)[:, None, None, None]
            found.append(attended * ops.cast(present, attended.dtype))
            if return_attention_scores:
                attention[name] = ops.mean(fuse_ops.attention_scores(query, key, mask), axis=1)
        total = sum(found[1:], found[0])
        total = ops.reshape(total, (-1, ops.shape(total)[1], query.shape[2] * query.shape[3]))
        output = self.output_projection(total)
        return (output, attention) if return_attention_scores else output

    def _split_heads(self, x):
        # (batch, steps, width) -> (batch, steps, heads, head_dim)
        head_dim = x.shape[-1] // self.num_heads
        return ops.reshape(x, (-1, ops.shape(x)[1], self.num_heads, head_dim))

    def compute_output_spec(self, query, sources, source_masks, return_attention_scores=False):
        output = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        shape = query.shape[:2]
        return output, {
            name: keras.KerasTensor((*shape, source.shape[1]), dtype="float32")
            for name, source in sources.items()
        }

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads}
