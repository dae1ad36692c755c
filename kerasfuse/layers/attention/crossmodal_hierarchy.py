"""CrossmodalHierarchy: two auxiliary modalities enhance each other, then the primary one."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.crossmodal_transformer import CrossmodalTransformer
from kerasfuse.layers.attention.self_attention_summary import SelfAttentionSummary
from kerasfuse.layers.sequence.masked_pooling import MaskedPooling
from kerasfuse.layers.sublayer import run


@renamed_arguments(return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class CrossmodalHierarchy(keras.layers.Layer):
    """Fuse three modalities by role: P is the primary one, A_1 and A_2 the auxiliaries in order.

        A'_1 = CMT(A_2 -> A_1),   A'_2 = CMT(A_1 -> A_2)
        P_1  = CMT(A'_1 -> P),    P_2  = CMT(A'_2 -> P)
        P'   = SA([P_1; P_2])                                       read at the last real step
        Z    = [w_1 A'_1; w_2 A'_2; P']                             likewise

    The networks belong to roles, not to modalities: there is one of each, whichever modality is
    primary. Who that is may be known when the graph is made (a name) or only when it runs (an
    index): then one graph holds the three orders and runs one of them, whatever the lengths of the
    sequences. No change of roles makes another graph.

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition" (HCT-MG), section 4,
    equations 1 to 6. The paper calls w_1 and w_2 weight matrices; only scalars, which start at 1,
    give its parameter counts. With another `pooling` than `"last"` all three are read by it.

    Args:
        modalities: names of the three modalities; the auxiliaries keep this order.
        num_layers: blocks of each crossmodal transformer; the self-attention has at least 3.
        num_heads: heads of every attention; divides the width.
        embedding_dropout: rate on the embedded sequences, drawn anew for each use.
        residual_dropout, feedforward_dropout, attention_dropout: see `CrossmodalBlock`.
        pooling: how streams are read at the end, a mode of `MaskedPooling`.

    Call arguments:
        inputs: dict of modality name to tensor `(batch, steps, width)`, all of one width.
        primary: name of the primary modality, or integer tensor `()`, its place in `modalities`.
        masks: dict of modality name to boolean `(batch, steps)`, `True` at real steps.
        return_attention_scores: also return where attention goes; needs a name as `primary`.

    Returns:
        Tensor `(batch, 4 width)`; zeros in the place of a modality that is absent. With
        `return_attention_scores` a tuple of it, the attention of SA's last step to the steps of the
        primary, `(batch, steps)`, and a dict of `"{layer}/{source}_to_{target}"` to
        `(batch, target steps, source steps)`, all averaged over heads.

    Raises:
        ValueError: for modalities that are not three, an unknown name, or attention
            asked for of a primary that is not known.

    Example:

    >>> streams = {m: np.ones((2, n, 40)) for m, n in [("text", 50), ("audio", 9), ("eeg", 7)]}
    >>> masks = {m: np.ones(x.shape[:2], bool) for m, x in streams.items()}
    >>> fuse = CrossmodalHierarchy(["text", "audio", "eeg"], num_layers=2, num_heads=5)
    >>> fuse(streams, primary="eeg", masks=masks).shape   # (2, 160)
    """

    def __init__(
        self,
        modalities,
        num_layers,
        num_heads,
        embedding_dropout=0.0,
        residual_dropout=0.0,
        feedforward_dropout=0.0,
        attention_dropout=0.0,
        pooling="last",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.modalities = list(modalities)
        if len(set(self.modalities)) != 3 or len(self.modalities) != 3:
            raise ValueError(
                "expected three different modalities, two auxiliary ones and the primary one. "
                f"Received: {self.modalities}"
            )
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.embedding_dropout = embedding_dropout
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout
        self.attention_dropout = attention_dropout
        self.pooling = pooling

    def build(self, inputs_shape):
        width, policy = next(iter(inputs_shape.values()))[-1], self.dtype_policy
        dropouts = {
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
        }

        def transformer(name):
            layer = CrossmodalTransformer(
                self.num_layers, self.num_heads, name=name, dtype=policy, **dropouts
            )
            layer.build((None, None, width), (None, None, width))
            return layer

        self.to_auxiliary_1 = transformer("to_auxiliary_1")
        self.to_auxiliary_2 = transformer("to_auxiliary_2")
        self.to_primary_1 = transformer("to_primary_1")
        self.to_primary_2 = transformer("to_primary_2")
        self.summary = SelfAttentionSummary(
            max(self.num_layers, 3),
            self.num_heads,
            pooling=self.pooling,
            name="summary",
            dtype=policy,
            **dropouts,
        )
        self.summary.build((None, None, 2 * width))
        self.read_1 = MaskedPooling(self.pooling, name="read_1", dtype=policy)
        self.read_2 = MaskedPooling(self.pooling, name="read_2", dtype=policy)
        self.read_1.build((None, None, width))
        self.read_2.build((None, None, width))
        self.w_1 = self.add_weight(shape=(), initializer="ones", name="w_1")
        self.w_2 = self.add_weight(shape=(), initializer="ones", name="w_2")

    def call(self, inputs, primary, masks, return_attention_scores=False, training=None):
        if not isinstance(primary, str):
            if return_attention_scores:
                raise ValueError(
                    "expected the name of the primary modality, as the shape of its attention "
                    f"depends on it. Received: {primary}"
                )
            orders = [
                lambda name=name: self._fuse(inputs, name, masks, training)[0]
                for name in self.modalities
            ]
            known = backend.known_integer(primary)
            return orders[known]() if known is not None else self._run_one(orders, primary)
        fused = self._fuse(inputs, primary, masks, training, return_attention_scores)
        return fused if return_attention_scores else fused[0]

    def _fuse(self, z, primary, masks, training, return_attention_scores=False):
        if primary not in self.modalities:
            raise ValueError(
                f"expected `primary` to be one of {self.modalities}. Received: {primary!r}"
            )
        first, second = self._auxiliaries(primary)
        maps = {}

        def cmt(layer, target, source, names):
            source_name, target_name = names
            enhanced = run(
                layer,
                target,
                source,
                query_mask=masks[target_name],
                source_mask=masks[source_name],
                return_attention_scores=return_attention_scores,
                training=training,
            )
            if return_attention_scores:
                enhanced, attention = enhanced
                for i, weights in enumerate(attention):
                    maps[f"{i}/{source_name}_to_{target_name}"] = weights
            return enhanced

        a_1 = cmt(self.to_auxiliary_1, z[first], z[second], (second, first))
        a_2 = cmt(self.to_auxiliary_2, z[second], z[first], (first, second))
        p_1 = cmt(self.to_primary_1, z[primary], a_1, (first, primary))
        p_2 = cmt(self.to_primary_2, z[primary], a_2, (second, primary))
        p = run(
            self.summary,
            ops.concatenate([p_1, p_2], axis=-1),
            mask=masks[primary],
            return_attention_scores=return_attention_scores,
            training=training,
        )
        p, attention = p if return_attention_scores else (p, None)
        a_1 = run(self.read_1, a_1, mask=masks[first])
        a_2 = run(self.read_2, a_2, mask=masks[second])
        fused = ops.concatenate([self.w_1 * a_1, self.w_2 * a_2, p], axis=-1)
        return fused, attention, maps

    def _auxiliaries(self, primary):
        return [name for name in self.modalities if name != primary]

    def _run_one(self, orders, index):
        """Run one of the orders, of which the graph being traced holds all.

        A dropout advances its seed, and what a branch assigns must not leave it but as a result:
        each works on variables of its own, whose values the chosen one hands back.
        """
        variables = self.variables
        values = [(v, ops.convert_to_tensor(v)) for v in variables]
        seeds = self.non_trainable_variables

        def isolated(order):
            def alone():
                with keras.StatelessScope(values) as scope:
                    return order(), [scope.get_current_value(v) for v in seeds]

            return alone

        fused, states = ops.switch(index, [isolated(order) for order in orders])
        for seed, state in zip(seeds, states, strict=True):
            seed.assign(state)
        return fused

    def compute_output_spec(
        self, inputs, primary, masks, return_attention_scores=False, training=None
    ):
        batch, _, width = next(iter(inputs.values())).shape
        fused = keras.KerasTensor((batch, 4 * width), dtype=self.compute_dtype)
        if not return_attention_scores:
            return fused

        def spec(*steps):
            return keras.KerasTensor((batch, *steps), dtype="float32")

        steps = {name: x.shape[1] for name, x in inputs.items()}
        first, second = self._auxiliaries(primary)
        pairs = [(second, first), (first, second), (first, primary), (second, primary)]
        maps = {
            f"{i}/{s}_to_{t}": spec(steps[t], steps[s])
            for s, t in pairs
            for i in range(self.num_layers)
        }
        return fused, spec(steps[primary]), maps

    def get_config(self):
        config = {
            "modalities": self.modalities,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
            "pooling": self.pooling,
        }
        return {**super().get_config(), **config}
