"""HierarchicalBottleneck: fuse through a few tokens, fewer at each level."""

import keras
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.attention_block import AttentionBlock
from kerasfuse.layers.sublayer import run

# Form of attention: that of equation 5, the Multi-CA.
GATHER_FORMS = {"paper": "paper", "release": "release_multi_ca"}


@renamed_arguments(feedforward_dim="feedforward_units", return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class HierarchicalBottleneck(keras.layers.Layer):
    """Let modalities meet in a bottleneck of tokens whose number halves from level to level.

        B^l   = Transformer(H^(l-1))[0 : p / 2^(l-1)]
        H^l   = LN(B^l + Multi-CA(B^l; X_t, X_a, X_v)),    H^l = LN(H^l + FFN(H^l))
        Z_m   = LN(X_m + CA(X_m, H^l)),    X_m = LN(Z_m + FFN(Z_m))            every modality m

    H^0 is the aligned multimodal sequence. The bottleneck holds its first *valid* tokens: padding
    before or after a sequence changes nothing. A sequence of fewer tokens than p gives all that it
    has, and padded ones after them, which nobody attends to.

    Reference: DAHB, section 3.4, equations 4 to 6. Equation 6 names B^l as the source of a
    modality; the section's text says that it is the fused bottleneck, which equation 5 calls H^l,
    and the authors' later release agrees. We follow the text. The equations are the defaults. The
    release is `activation="gelu", norm="branch", attention_form="release"`: norms on the branch in
    the first and the last line, and other attention, see `MultiCrossAttention`. It masks no
    padding; we do.

    Args:
        num_layers: levels L.
        num_bottlenecks: tokens p of the first level; later ones have half, never fewer than one.
        num_heads: heads of every attention; divides the width.
        feedforward_units: inner width of the feed-forward nets.
        activation: `"relu"` or `"gelu"`.
        norm: `"sum"` or `"branch"`, see `AttentionBlock`; the second line has it on the sum always.
        dropout: rate on what attention and feed-forward nets add.
        halve: whether the number of tokens halves; without, this is plain bottleneck fusion.
        attention_form: `"paper"` or `"release"`, whose Multi-CA is `"release_multi_ca"`.

    Call arguments:
        fused: tensor H^0, `(batch, steps, width)`.
        streams: dict of modality name to tensor X_m, `(batch, steps, width)`.
        fused_mask: boolean `(batch, steps)`, `True` at real steps.
        masks: dict of modality name to boolean `(batch, steps)`.
        return_attention_scores: also return what the bottleneck attends to, a dict of
            `"<level>/<modality>"` to tensor `(batch, tokens, steps)`.

    Returns:
        Tensor H^L, `(batch, tokens of the last level, width)`, and the dict of streams, padded
        steps 0; with `return_attention_scores` the attention besides.

    Raises:
        ValueError: for no levels or no tokens, or an unknown form of attention.

    Example:

    >>> words, sounds = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 40))
    >>> streams = {"text": words, "audio": sounds}
    >>> masks = {"text": np.ones((2, 50), bool), "audio": np.ones((2, 500), bool)}
    >>> fuse = HierarchicalBottleneck(2, 8, num_heads=8, feedforward_units=80)
    >>> fused, streams = fuse(words, streams, fused_mask=masks["text"], masks=masks)
    >>> fused.shape   # (2, 4, 40)
    """

    def __init__(
        self,
        num_layers,
        num_bottlenecks,
        num_heads,
        feedforward_units,
        activation="relu",
        norm="sum",
        dropout=0.0,
        halve=True,
        attention_form="paper",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (("num_layers", num_layers), ("num_bottlenecks", num_bottlenecks)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"expected `{name}` to be a whole number from 1. Received: {name}={value!r}"
                )
        if attention_form not in GATHER_FORMS:
            raise ValueError(
                f"expected `attention_form` to be one of {', '.join(GATHER_FORMS)}. "
                f"Received: {attention_form!r}"
            )
        self.num_layers = num_layers
        self.num_bottlenecks = num_bottlenecks
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        self.halve = halve
        self.attention_form = attention_form

    @property
    def sizes(self):
        """Number of tokens of each level."""
        halvings = range(self.num_layers) if self.halve else [0] * self.num_layers
        return [max(1, self.num_bottlenecks // 2**level) for level in halvings]

    def build(self, fused_shape, streams_shape):
        def block(name, sources, norm=self.norm, form=self.attention_form):
            layer = AttentionBlock(
                self.num_heads,
                self.feedforward_units,
                self.activation,
                norm,
                self.dropout,
                form,
                name=name,
                dtype=self.dtype_policy,
            )
            layer.build(fused_shape, sources)
            return layer

        own, hub = {"self": fused_shape}, {"bottleneck": fused_shape}
        levels = range(self.num_layers)
        self.encoders = [block(f"encode_{i}", own) for i in levels]
        # The norm of equation 5 is on the sum in the release too.
        form = GATHER_FORMS[self.attention_form]
        self.gather = [block(f"gather_{i}", streams_shape, "sum", form) for i in levels]
        self.spread = [{m: block(f"{m}_update_{i}", hub) for m in streams_shape} for i in levels]

    def call(self, fused, streams, fused_mask, masks, return_attention_scores=False, training=None):
        maps = {}
        for level, size in enumerate(self.sizes):
            encoded = run(
                self.encoders[level],
                fused,
                {"self": fused},
                {"self": fused_mask},
                training=training,
            )
            bottleneck, valid = fuse_ops.first_valid_steps(encoded, fused_mask, size)
            fused = run(
                self.gather[level],
                bottleneck,
                streams,
                masks,
                return_attention_scores=return_attention_scores,
                training=training,
            )
            if return_attention_scores:
                fused, attention = fused
                maps |= {f"{level}/{name}": scores for name, scores in attention.items()}
            fused, fused_mask = fused * ops.cast(valid, fused.dtype)[:, :, None], valid
            streams = {
                m: run(
                    self.spread[level][m],
                    x,
                    {"bottleneck": fused},
                    {"bottleneck": valid},
                    training=training,
                )
                for m, x in streams.items()
            }
        streams = {m: x * ops.cast(masks[m], x.dtype)[:, :, None] for m, x in streams.items()}
        return (fused, streams, maps) if return_attention_scores else (fused, streams)

    def compute_output_spec(
        self, fused, streams, fused_mask, masks, return_attention_scores=False, training=None
    ):
        def spec(*shape, dtype=self.compute_dtype):
            return keras.KerasTensor((fused.shape[0], *shape), dtype=dtype)

        last = spec(self.sizes[-1], fused.shape[-1])
        updated = {m: spec(*x.shape[1:]) for m, x in streams.items()}
        if not return_attention_scores:
            return last, updated
        maps = {
            f"{level}/{m}": spec(size, x.shape[1], dtype="float32")
            for level, size in enumerate(self.sizes)
            for m, x in streams.items()
        }
        return last, updated, maps

    def get_config(self):
        config = {
            "num_layers": self.num_layers,
            "num_bottlenecks": self.num_bottlenecks,
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
            "halve": self.halve,
            "attention_form": self.attention_form,
        }
        return {**super().get_config(), **config}
