"""DAHB: dual-stream alignment with hierarchical bottleneck fusion."""

import keras
from keras import ops

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers import (
    AttentionBlock,
    CrossAttentionFusion,
    Dropout,
    HierarchicalBottleneck,
    JointSelfAttention,
    LearnedPositions,
    LearnedTokens,
    MaskedPooling,
    PostNormBlock,
    RepresentationLoss,
    TemporalAlignment,
)
from kerasfuse.losses import DualStreamContrast
from kerasfuse.models.parts.attention_probe import AttentionOf
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_modalities, inputs_and_masks, per_modality
from kerasfuse.models.parts.text_encoder import encode_text, make_text_encoder

FUSIONS = (
    "concatenation",
    "self_attention",
    "cross_attention",
    "bottleneck",
    "hierarchical_bottleneck",
)
# What arguments that are None stand for.
VARIANTS = {
    "paper": {"norm": "sum", "activation": "relu", "encoder_layers": 1},
    "release": {
        "norm": "branch",
        "activation": "gelu",
        "encoder_layers": 2,
        "encoder_dropout": 0.5,
    },
}


@renamed_arguments(feedforward_dim="feedforward_units")
@keras.saving.register_keras_serializable("kerasfuse")
class DAHB(FusionModel):
    """Align modalities in time and in meaning, then fuse them through a shrinking bottleneck.

        X_m   = Encoder([e_m; X_m])                        every modality m, e_m a learned token
        H     = X_t + CA(X_t, X_a) + CA(X_t, X_v)          temporal alignment, text as the anchor
        L_con = contrast of mean(X_t), mean(X_a), mean(X_v) and H_0         semantic, supervised
        B, X_t, X_a, X_v = Bottleneck(H; X_t, X_a, X_v)    L levels of p, p/2, p/4 ... tokens
        y     = MLP([B_0; X_t0; X_a0; X_v0]),              first tokens
        L     = L_task + lambda L_con

    `L_con` is `kerasfuse.losses.DualStreamContrast`; the progress bar shows it as `contrast`.
    Fitted on plain arrays, pairs of samples are those of the batch by their labels. With
    `pairs="companions"` they are those of `kerasfuse.datasets.Companions`, as in the paper.

    Reference: "Dual Stream Alignment with Hierarchical Bottleneck Fusion for Multimodal Sentiment
    Analysis", section 3 and Appendix B, and the authors' later release, DashFusion.

    `variant="paper"`, the default, has the equations: norms on the sum, ReLU, one encoder layer
    (three for CMU-MOSEI), two levels (three), eight tokens. The paper does not give the width, the
    heads, the feed-forward width and the temperature: they are the release's, as are the cosine and
    the anchor's two-layer projection.

    `variant="release"` is the model of the release: without padding and with its weights, outputs
    are the release's. It differs from the equations in these points.

    - The encoders are two layers `PostNormBlock` (four for CMU-MOSEI) and a norm, with a dropout
      of 0.5 inside. The position of the first token, which starts at 0, is part of the token here.
    - Temporal alignment has `num_heads` heads of 32, and an output projection with a bias.
    - In the fusion the norms stand on the branch, but on the sum in the Multi-CA; there is no
      output projection; self-attention and the attention of X_m have biases, and their logits are
      divided by sqrt(d), see `MultiCrossAttention`.
    - GELU everywhere.

    Ours, in both: padding is masked everywhere. Text from pre-extracted features has a learned
    first token and encoder layers like the others, where the paper has BERT alone; so there is
    always a first token, and something for the bottleneck to hold, even if a modality is absent.
    Without temporal alignment there is no H: learned tokens stand in the bottleneck's place. The
    fusions of Table 5 that the release lacks have its blocks under `variant="release"`.

    Args:
        modalities: dict of modality name to feature width; two or more. The anchor's is `None`, or
            left out, when a `text_encoder` reads its integer ids.
        num_outputs: number of scores or logits.
        anchor: name of the modality that the others are aligned with.
        dim: width d of every stream.
        num_heads: heads of every attention; divides `dim`.
        feedforward_units: inner width of the feed-forward nets.
        encoder_layers: Transformer layers of every modality that no `text_encoder` reads; one
            number, or one a modality; `None`: the variant's.
        fusion_layers: levels L of the bottleneck.
        num_bottlenecks: tokens p of its first level.
        max_steps: learned positions of a modality with encoder layers, from its first real step.
        temporal: whether to align in time. Without, and without `semantic`, there is no dual
            stream: row two of Table 4.
        semantic: whether the contrast has semantic pairs.
        supervised: whether it has pairs by label.
        fusion: one of `"hierarchical_bottleneck"`, `"bottleneck"` (no halving), `"cross_attention"`
            (the anchor queries the others), `"self_attention"` (over all steps) and
            `"concatenation"`: Table 5.
        pair_layout: `"published"` or `"all_negatives"`, see `DualStreamContrast`.
        pairs: `"labels"` or `"companions"`.
        contrast_weight: lambda; 0 switches the contrast off.
        temperature: of the contrast.
        class_width: width of a class of real-valued labels: 0.2 for CH-SIMS.
        norm: `"sum"` or `"branch"`, where the norms of every `AttentionBlock` stand, those of the
            Multi-CA excepted; `None`: where the variant has them.
        activation: `"relu"` or `"gelu"`; `None`: the variant's.
        dropout: rate on embedded sequences.
        text_encoder: a keras-hub text backbone or an `AdaptedTextEncoder`, or its hyper-parameters
            as a dict with its `class`.
        variant: `"paper"` or `"release"`.
        encoder_dropout: rate inside the encoders; `None`: `dropout`, and 0.5 in the release.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, or integer ids
            `(batch, steps)`. Steps of zeros are padding, on either side; an absent modality is all
            zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, an unknown anchor, fusion or variant, names that
            do not match, heads that do not divide `dim`, or labels that are not one a sample.
        ImportError: for the hyper-parameters of a text encoder without keras-hub.

    Example:

    >>> model = DAHB({"text": 300, "audio": 74, "vision": 35})
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)

    With a pretrained text encoder, which learns more slowly than the rest:

    >>> bert = keras_hub.models.BertBackbone.from_preset("bert_base_en_uncased")
    >>> model = DAHB({"text": None, "audio": 74, "vision": 35}, text_encoder=bert)
    >>> groups = keras.optimizers.OptimizerMap(keras.optimizers.AdamW(1e-3))
    >>> of_bert = "|".join(v.path for v in bert.trainable_variables)
    >>> groups[of_bert] = keras.optimizers.AdamW(2e-5)
    >>> model.compile(keras.optimizers.MultiOptimizer(groups), loss="mse")
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        anchor="text",
        dim=128,
        num_heads=8,
        feedforward_units=256,
        encoder_layers=None,
        fusion_layers=2,
        num_bottlenecks=8,
        max_steps=512,
        temporal=True,
        semantic=True,
        supervised=True,
        fusion="hierarchical_bottleneck",
        pair_layout="published",
        pairs="labels",
        contrast_weight=0.2,
        temperature=0.5,
        class_width=1.0,
        norm=None,
        activation=None,
        dropout=0.1,
        text_encoder=None,
        variant="paper",
        encoder_dropout=None,
        **kwargs,
    ):
        if text_encoder is not None:
            modalities = {anchor: None} | dict(modalities)
        widths = check_modalities(modalities, ids=() if text_encoder is None else (anchor,))
        for argument, value, choices in (
            ("anchor", anchor, widths),
            ("fusion", fusion, FUSIONS),
            ("variant", variant, VARIANTS),
        ):
            if value not in choices:
                raise ValueError(
                    f"expected `{argument}` to be one of {', '.join(choices)}. Received: {value!r}"
                )
        defaults, release = VARIANTS[variant], variant == "release"
        norm = defaults["norm"] if norm is None else norm
        activation = defaults["activation"] if activation is None else activation
        if encoder_layers is None:
            encoder_layers = defaults["encoder_layers"]
        if encoder_dropout is None:
            encoder_dropout = defaults.get("encoder_dropout", dropout)
        depths = per_modality(widths, encoder_layers, "encoder_layers")
        if text_encoder is not None:
            depths = {**depths, anchor: 0}
        others = [m for m in widths if m != anchor]

        # === Layers ===
        backbone, hyperparameters = None, None
        if text_encoder is not None:
            backbone, hyperparameters = make_text_encoder(text_encoder)
        block = {"num_heads": num_heads, "activation": activation}
        encoder = {**block, "feedforward_units": feedforward_units, "dropout": encoder_dropout}
        block |= {"norm": norm, "attention_form": variant}

        def encoder_layer(name):
            if release:
                return PostNormBlock(name=name, **encoder)
            return AttentionBlock(name=name, norm=norm, **encoder)

        encoders = {m: [encoder_layer(f"{m}_{i}") for i in range(depths[m])] for m in widths}
        form = "release_alignment" if release else "paper"
        align = TemporalAlignment(num_heads, form, name="temporal_alignment")
        mean = MaskedPooling("mean", name="mean")
        fuse = _fusion(
            fusion, anchor, dim, fusion_layers, num_bottlenecks, feedforward_units, block
        )
        contrast = DualStreamContrast(
            list(widths),
            anchor,
            temperature,
            pair_layout,
            pairs,
            semantic,
            supervised,
            class_width,
        )

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        if backbone is not None:
            x[anchor], masks[anchor] = encode_text(backbone, x[anchor], masks[anchor])
        for m in widths:
            x[m] = _project(x[m], m, dim, activation, twice=m == anchor)
            if depths[m]:
                x[m] = LearnedPositions(max_steps, name=f"{m}_positions")(x[m], mask=masks[m])
            if m != anchor or backbone is None:
                x[m], masks[m] = _prepend_token(x[m], masks[m], m)
            if depths[m]:
                x[m] = Dropout(dropout, name=f"{m}_dropout")(x[m])
            for layer in encoders[m]:
                own = (masks[m],) if release else ({m: x[m]}, {m: masks[m]})
                x[m] = layer(x[m], *own)
            if release and depths[m]:
                x[m] = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{m}_norm")(x[m])
            x[m] = x[m] * ops.cast(masks[m], x[m].dtype)[:, :, None]
        sources, source_masks = {m: x[m] for m in others}, {m: masks[m] for m in others}
        x_bar = {m: mean(x[m], mask=masks[m]) for m in widths}
        if temporal:
            h, h_mask = align(x[anchor], sources, source_masks), masks[anchor]
            x_bar["aligned"] = h[:, 0]
        else:
            h = LearnedTokens(num_bottlenecks, name="tokens")(x[anchor])
            h_mask = ops.ones_like(h[:, :, 0], dtype="bool")
        fused, streams = fuse(h, x, h_mask, masks) if fuse else (h, x)
        y = ops.concatenate([fused[:, 0], *(streams[m][:, 0] for m in widths)], axis=-1)
        for i, width in enumerate((2 * dim, dim)):
            y = keras.layers.Dense(width, activation=activation, name=f"classifier_{i}")(y)
        y = keras.layers.Dense(num_outputs, name="scores", dtype="float32")(y)
        if contrast_weight and (semantic or supervised):
            y = RepresentationLoss(contrast, contrast_weight, name="contrast")(y, x_bar)
        super().__init__(inputs=inputs, outputs=y, **kwargs)
        offered = {f"mean/{m}": lambda m=m: x_bar[m] for m in widths}
        if temporal:
            offered["aligned"] = lambda: h
            offered |= _alignment_maps(align, x[anchor], sources, source_masks)
        if fusion.endswith("bottleneck"):
            offered |= _bottleneck_maps(fuse, h, x, h_mask, masks)
        offered["first_tokens/fused"] = lambda: fused[:, 0]
        self._offer_intermediates(offered)

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.anchor = anchor
        self.dim = dim
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.encoder_layers = encoder_layers
        self.fusion_layers = fusion_layers
        self.num_bottlenecks = num_bottlenecks
        self.max_steps = max_steps
        self.temporal = temporal
        self.semantic = semantic
        self.supervised = supervised
        self.fusion = fusion
        self.pair_layout = pair_layout
        self.pairs = pairs
        self.contrast_weight = contrast_weight
        self.temperature = temperature
        self.class_width = class_width
        self.norm = norm
        self.activation = activation
        self.dropout = dropout
        self.text_encoder = hyperparameters
        self.variant = variant
        self.encoder_dropout = encoder_dropout

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "anchor": self.anchor,
            "dim": self.dim,
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "encoder_layers": self.encoder_layers,
            "fusion_layers": self.fusion_layers,
            "num_bottlenecks": self.num_bottlenecks,
            "max_steps": self.max_steps,
            "temporal": self.temporal,
            "semantic": self.semantic,
            "supervised": self.supervised,
            "fusion": self.fusion,
            "pair_layout": self.pair_layout,
            "pairs": self.pairs,
            "contrast_weight": self.contrast_weight,
            "temperature": self.temperature,
            "class_width": self.class_width,
            "norm": self.norm,
            "activation": self.activation,
            "dropout": self.dropout,
            "text_encoder": self.text_encoder,
            "variant": self.variant,
            "encoder_dropout": self.encoder_dropout,
        }


def _fusion(fusion, anchor, dim, fusion_layers, num_bottlenecks, feedforward_units, block):
    """Make one of the mechanisms of Table 5; concatenation needs none."""
    if fusion == "self_attention":
        return JointSelfAttention(2, feedforward_units=4 * dim, name=fusion, **block)
    if fusion == "cross_attention":
        return CrossAttentionFusion(anchor, 2, feedforward_units=2 * dim, name=fusion, **block)
    if fusion.endswith("bottleneck"):
        return HierarchicalBottleneck(
            fusion_layers,
            num_bottlenecks,
            feedforward_units=feedforward_units,
            halve=fusion == "hierarchical_bottleneck",
            name="bottleneck",
            **block,
        )
    return None


def _prepend_token(x, mask, m):
    """Put a learned token in front of a sequence, which is real whatever the sequence is."""
    token = LearnedTokens(1, name=f"{m}_first_token")(x)
    x = ops.concatenate([token, x], axis=1)
    return x, ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)


def _project(x, m, dim, activation, twice):
    """Bring features to width `dim`, those of the anchor by two layers."""
    if not twice:
        return keras.layers.Dense(dim, name=f"{m}_projection")(x)
    for i in range(2):
        dense = keras.layers.Dense(
            dim, activation=activation, use_bias=False, name=f"{m}_projection_{i}"
        )
        x = dense(x)
    return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{m}_projection_norm")(x)


def _alignment_maps(align, anchor, sources, masks):
    def maps():
        return AttentionOf(align, "source_masks")([anchor, sources], masks)[1]

    return {f"attention/alignment/{m}": lambda m=m: maps()[m] for m in sources}


def _bottleneck_maps(fuse, h, x, h_mask, masks):
    def maps():
        return AttentionOf(fuse, "masks")([h, x, h_mask], masks)[2]

    levels = range(fuse.num_layers)
    return {
        f"attention/bottleneck/{i}/{m}": lambda key=f"{i}/{m}": maps()[key]
        for i in levels
        for m in x
    }
