"""MultiCrossAttention: one sequence looks at several others at once."""

from typing import NamedTuple

import keras
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.replaceable_scores import ReplaceableScores
from kerasfuse.layers.sublayer import run
from kerasfuse.ops.attention import attention_mask


class Form(NamedTuple):
    """What the attentions of the paper and of the release have, or have not."""

    head_dim: int | None = None  # by default, heads share the width of the query
    use_bias: bool = False  # of queries, keys and values
    scale_by_width: bool = False  # logits over sqrt(d), not sqrt(d_h)
    use_output: bool = True
    output_bias: bool = False


FORMS = {
    "paper": Form(),
    "release": Form(use_bias=True, scale_by_width=True, use_output=False),
    "release_multi_ca": Form(use_output=False),
    "release_alignment": Form(head_dim=32, output_bias=True),
}


def check_form(form, argument):
    """Return the name of a form, or tell which ones there are."""
    if form not in FORMS:
        raise ValueError(
            f"expected `{argument}` to be one of {', '.join(FORMS)}. Received: {form!r}"
        )
    return form


@renamed_arguments(return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class MultiCrossAttention(ReplaceableScores, keras.layers.Layer):
    """Attend from one sequence to several sources, and add up what is found.

        CA(X, S_m) = softmax(X W_Q (S_m W_K^m)^T / sqrt(d_h)) S_m W_V^m      (heads side by side)
        Y = [ sum_m CA(X, S_m) ] W_O

    The query projection and the output projection are shared, keys and values are each source's
    own. A source that is absent adds exactly 0; padded steps get no attention.

    Reference: DAHB, equation 1, and the "Multi-CA" of equation 5 and Figure 3. The equations have
    neither biases nor an output projection; with the latter, the multiply-adds of Table 5 come out.
    The authors' later release has three forms of it. At the width d of the query:

    | `form` | of the release | heads | biases of Q, K, V | logits over | W_O |
    | --- | --- | --- | --- | --- | --- |
    | `"paper"` | | `d / num_heads` wide | no | sqrt(d_h) | without bias |
    | `"release"` | encodes the bottleneck, updates X_m | `d / num_heads` | yes | sqrt(d) | none |
    | `"release_multi_ca"` | Multi-CA | `d / num_heads` | no | sqrt(d_h) | none |
    | `"release_alignment"` | temporal alignment | 32 | no | sqrt(d_h) | with bias |

    Args:
        num_heads: number of heads; divides the width of the query, unless heads are 32 wide.
        form: `"paper"`, `"release"`, `"release_multi_ca"` or `"release_alignment"`.

    Call arguments:
        query: tensor `(batch, Tq, width)`.
        sources: dict of name to tensor `(batch, Tm, any width)`.
        source_masks: dict of name to boolean `(batch, Tm)`, `True` at real steps.
        return_attention_scores: also return the attention to each source, averaged over its heads:
            a dict of name to tensor `(batch, Tq, Tm)`.

    Returns:
        Tensor `(batch, Tq, width)`, or a tuple of it and the dict.

    Raises:
        ValueError: for an unknown form, or when `num_heads` does not divide the width of the query.

    Example:

    >>> words, sounds = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 20))
    >>> attend = MultiCrossAttention(num_heads=8)
    >>> attend(words, {"audio": sounds}, {"audio": np.ones((2, 500), bool)}).shape   # (2, 50, 40)
    """

    def __init__(self, num_heads, form="paper", **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.form = check_form(form, "form")

    def build(self, query_shape, sources_shape):
        width, form = query_shape[-1], FORMS[self.form]
        if form.head_dim is None and width % self.num_heads:
            raise ValueError(
                "expected `num_heads` to divide the width of the query. "
                f"Received: num_heads={self.num_heads}, width {width}"
            )

        def dense(name, input_shape, units, use_bias):
            layer = keras.layers.Dense(units, use_bias=use_bias, name=name, dtype=self.dtype_policy)
            layer.build(input_shape)
            return layer

        def projection(name, input_shape):
            return dense(name, input_shape, inner, form.use_bias)

        inner = self.num_heads * (form.head_dim or width // self.num_heads)
        self.query_projection = projection("query", query_shape)
        self.key_projections = {m: projection(f"{m}_key", s) for m, s in sources_shape.items()}
        self.value_projections = {m: projection(f"{m}_value", s) for m, s in sources_shape.items()}
        if form.use_output:
            shape = (*query_shape[:-1], inner)
            self.output_projection = dense("output", shape, width, form.output_bias)

    @property
    def looks_at_others(self):
        return any(name != "self" for name in self.key_projections)

    def call(self, query, sources, source_masks, return_attention_scores=False):
        form, looking = FORMS[self.form], query
        query = self._split_heads(run(self.query_projection, query))
        if form.scale_by_width:
            query = query * self.num_heads**-0.5  # the rest of 1 / sqrt(d) is 1 / sqrt(d_h)
        found, attention = [], {}
        for name, source in sources.items():
            mask = source_masks[name]
            key = self._split_heads(run(self.key_projections[name], source))
            value = self._split_heads(run(self.value_projections[name], source))
            # Only of a sequence that looks at another one.
            replace = None if name == "self" or source is looking else self._replace
            if replace:
                scores = fuse_ops.attention_scores(query, key, mask)
                scores = replace(scores, attention_mask(query, key, mask))
                attended = ops.einsum("bhqk,bkhd->bqhd", ops.cast(scores, value.dtype), value)
            else:
                attended = fuse_ops.fused_attention(query, key, value, mask)
            present = ops.any(mask, axis=1)[:, None, None, None]
            found.append(attended * ops.cast(present, attended.dtype))
            if return_attention_scores:
                attention[name] = ops.mean(fuse_ops.attention_scores(query, key, mask), axis=1)
        total = sum(found[1:], found[0])
        total = ops.reshape(total, (-1, ops.shape(total)[1], query.shape[2] * query.shape[3]))
        output = run(self.output_projection, total) if form.use_output else total
        if form.output_bias:
            # It would pass through where all sources are absent.
            steps = ops.concatenate([source_masks[name] for name in sources], axis=1)
            output = output * ops.cast(ops.any(steps, axis=1)[:, None, None], output.dtype)
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
        return {**super().get_config(), "num_heads": self.num_heads, "form": self.form}
