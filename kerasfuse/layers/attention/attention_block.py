"""AttentionBlock: attention to one or more sources, then a feed-forward net, each with a norm."""

import keras

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.multi_cross_attention import MultiCrossAttention, check_form
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run

NORMS = ("sum", "branch")


@renamed_arguments(feedforward_dim="feedforward_units", return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class AttentionBlock(keras.layers.Layer):
    """Update a sequence by what it finds in sources: a Transformer layer with the norm last.

        norm="sum":      Z = LN(X + CA(X, S)),    Y = LN(Z + FFN(Z))
        norm="branch":   Z = X + LN(CA(X, S)),    Y = Z + LN(FFN(Z))
        FFN(Z) = act(Z W_1 + b_1) W_2 + b_2

    Self-attention is X among its own sources. Several sources are added up, see
    `MultiCrossAttention`.

    Reference: DAHB, equations 4 to 6, which have the norm on the sum and ReLU, the defaults. Blocks
    of the fusion in the authors' later release have GELU and either the norm on the branch and
    `attention_form="release"`, or the norm on the sum and `attention_form="release_multi_ca"`.

    Args:
        num_heads: heads of the attention; divides the width.
        feedforward_units: inner width of the feed-forward net.
        activation: `"relu"` or `"gelu"`.
        norm: `"sum"` or `"branch"`.
        dropout: rate on what attention and feed-forward net add.
        attention_form: form of the attention, see `MultiCrossAttention`.

    Call arguments:
        query: tensor X, `(batch, steps, width)`.
        sources: dict of name to tensor `(batch, steps, any width)`.
        source_masks: dict of name to boolean `(batch, steps)`, `True` at real steps.
        return_attention_scores: also return the attention, see `MultiCrossAttention`.

    Returns:
        Tensor like `query`, or a tuple of it and the attention.

    Raises:
        ValueError: for an unknown placement of the norm or form of the attention, or heads that do
            not divide the width.

    Example:

    >>> words, mask = np.random.normal(size=(2, 50, 40)), np.ones((2, 50), bool)
    >>> block = AttentionBlock(num_heads=8, feedforward_units=80)
    >>> block(words, {"text": words}, {"text": mask}).shape   # (2, 50, 40)
    """

    def __init__(
        self,
        num_heads,
        feedforward_units,
        activation="relu",
        norm="sum",
        dropout=0.0,
        attention_form="paper",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"expected `norm` to be one of {', '.join(NORMS)}. Received: {norm!r}")
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        self.attention_form = check_form(attention_form, "attention_form")

    def build(self, query_shape, sources_shape):
        width, policy = query_shape[-1], self.dtype_policy
        self.attention = MultiCrossAttention(
            self.num_heads, self.attention_form, name="attention", dtype=policy
        )
        self.attention.build(query_shape, sources_shape)
        self.inner = keras.layers.Dense(
            self.feedforward_units, activation=self.activation, name="inner", dtype=policy
        )
        self.outer = keras.layers.Dense(width, name="outer", dtype=policy)
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-5, name=name, dtype=policy)
            for name in ("attention_norm", "feedforward_norm")
        ]
        for layer in (self.inner, *self.norms):
            layer.build(query_shape)
        self.outer.build((*query_shape[:-1], self.feedforward_units))
        self.drops = [Dropout(self.dropout, dtype=policy) for _ in range(2)]

    def call(self, query, sources, source_masks, return_attention_scores=False, training=None):
        found = run(
            self.attention,
            query,
            sources,
            source_masks,
            return_attention_scores=return_attention_scores,
        )
        found, attention = found if return_attention_scores else (found, None)
        x = self._add(0, query, found, training)
        x = self._add(1, x, run(self.outer, run(self.inner, x)), training)
        return (x, attention) if return_attention_scores else x

    def _add(self, index, x, branch, training):
        norm, branch = self.norms[index], run(self.drops[index], branch, training=training)
        return run(norm, x + branch) if self.norm == "sum" else x + run(norm, branch)

    def compute_output_spec(
        self, query, sources, source_masks, return_attention_scores=False, training=None
    ):
        output = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, {
            name: keras.KerasTensor((*query.shape[:2], source.shape[1]), dtype="float32")
            for name, source in sources.items()
        }

    def get_config(self):
        config = {
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
            "attention_form": self.attention_form,
        }
        return {**super().get_config(), **config}
