"""MulT: the Multimodal Transformer for unaligned sequences."""

import keras

from kerasfuse.layers import (
    CrossmodalBlock,
    Dropout,
    ResidualHead,
    SelfAttentionSummary,
    SinusoidalPositions,
    TargetHeads,
)
from kerasfuse.models.parts.alignment_losses import add_alignment_losses, crossmodal_intermediates
from kerasfuse.models.parts.attention_probe import summary_attentions
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_layers,
    check_modalities,
    inputs_and_masks,
    per_modality,
    project,
)


@keras.saving.register_keras_serializable("kerasfuse")
class MulT(FusionModel):
    """Fuse asynchronous sequences by one crossmodal transformer for each pair of modalities.

        Z_m            = Conv1D(X_m)                                   every modality m
        Z_(s->t)^0     = P(Z_t),   Z_(s->t)^(i+1) = CrossmodalBlock(Z_(s->t)^i, P(Z_s)),   i < D
        h_t            = Summary([LN(Z_(s->t)^D)]_s)                   concatenated over sources s
        y              = Head([h_t]_t)

    Every layer attends to the embedded source of layer 0. `alpha` and `beta` add MICA's alignment
    losses (its supplement, Table A2).

    Reference: Tsai, Bai, Liang, Kolter, Morency, Salakhutdinov, "Multimodal Transformer for
    Unaligned Multimodal Language Sequences", ACL 2019, section 3. `mask_padding=False, causal=True`
    is the authors' public code: padding takes part in attention, positions count from the start of
    the array, the last step of the array is read. By default padding is masked and changes nothing.
    One difference remains in training: keys and values share one dropout mask of the embedding.

    Args:
        modalities: dict of modality name to feature width; two or more.
        num_outputs: number of scores or logits.
        dim: width d of every stream.
        num_heads: heads of every attention; divides `dim`.
        num_layers: crossmodal layers D.
        kernel_sizes: steps that the input convolution sees; one number, or one a modality.
        mask_padding: keep padded steps out of attention, positions and the last step.
        causal: the causal mask with slack, which depends on padded lengths.
        alpha: weight of MICA's MMD between queries and keys; 0 switches it off.
        beta: weight of MICA's element-level alignment; 0 switches it off.
        tau: fraction of the entries of an attention matrix that counts as confident.
        propagate: keep the pairs that a layer selected in all later layers.
        mmd_estimator: `"subsample"`, `"exact"` or `"random_features"`.
        mmd_bandwidth: `"differentiated"` or `"detached"`, which shrinks queries and keys; see
            `kerasfuse.ops.mmd`.
        reduction: `"mean"` or `"paper_sum"`, of the element-level alignment.
        normalise: what its distances are measured in: `"none"` as printed, `"norms"`, `"unit"` or
            `"spread"`; see `kerasfuse.ops.propagated_alignment`.
        input_dropout: dict of modality name to dropout rate on its raw features.
        embedding_dropout: rate on the embedded sequences, with a new mask for each use.
        residual_dropout: rate on what attention and feed-forward nets add.
        feedforward_dropout: rate inside the feed-forward nets.
        attention_dropout: rate on attention weights; above 0 the fused kernel is not used.
        output_dropout: rate inside the head.
        target_heads: weight of the losses of a linear head on each target's summary, in training,
            so that every target learns the task; see `TargetHeads`. 0 leaves the heads out.
        pooling: how summaries are read at the end, a mode of `MaskedPooling`; the paper reads the
            last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, names that do not match, no layers, or heads that
            do not divide `dim`.

    Example:

    >>> model = MulT({"text": 300, "audio": 74, "vision": 35}, dim=30, num_heads=5, num_layers=5)
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=40,
        num_heads=10,
        num_layers=4,
        kernel_sizes=1,
        mask_padding=True,
        causal=False,
        alpha=0.0,
        beta=0.0,
        tau=0.3,
        propagate=True,
        mmd_estimator="subsample",
        mmd_bandwidth="differentiated",
        reduction="mean",
        normalise="none",
        input_dropout=None,
        embedding_dropout=0.25,
        residual_dropout=0.1,
        feedforward_dropout=0.1,
        attention_dropout=0.0,
        output_dropout=0.0,
        target_heads=0.0,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities)
        check_layers(num_layers)
        kernels = per_modality(widths, kernel_sizes, "kernel_sizes")
        raw_dropout = dict.fromkeys(widths, 0.0) | dict(input_dropout or {})
        pairs = [(s, t) for t in widths for s in widths if s != t]
        options = {
            "residual_dropout": residual_dropout,
            "feedforward_dropout": feedforward_dropout,
            "attention_dropout": attention_dropout,
            "causal": causal,
        }

        # === Layers ===
        positions = {m: SinusoidalPositions(name=f"{m}_positions") for m in widths}
        drops = {
            (s, t, role): Dropout(embedding_dropout, name=f"{s}_to_{t}_{role}_dropout")
            for s, t in pairs
            for role in ("target", "source")
        }
        blocks = {
            (s, t, i): CrossmodalBlock(num_heads, name=f"{s}_to_{t}_block_{i}", **options)
            for s, t in pairs
            for i in range(num_layers)
        }
        norms = {
            (s, t): keras.layers.LayerNormalization(epsilon=1e-5, name=f"{s}_to_{t}_norm")
            for s, t in pairs
        }
        summaries = {
            t: SelfAttentionSummary(
                num_layers=max(num_layers, 3),
                num_heads=num_heads,
                embedding_dropout=embedding_dropout,
                pooling=pooling,
                name=f"{t}_summary",
                **options,
            )
            for t in widths
        }
        head = ResidualHead(num_outputs, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        if not mask_padding:
            masks = dict.fromkeys(widths)
        z = {m: project(x[m], masks[m], m, dim, kernels[m], raw_dropout[m]) for m in widths}
        z = {m: positions[m](z[m], mask=masks[m]) for m in widths}
        queries, keys = {p: [] for p in pairs}, {p: [] for p in pairs}
        reinforced = {}
        for s, t in pairs:
            stream, source = drops[s, t, "target"](z[t]), drops[s, t, "source"](z[s])
            for i in range(num_layers):
                stream, q, k = blocks[s, t, i](
                    stream, source, source_mask=masks[s], return_projections=True
                )
                queries[s, t].append(q)
                keys[s, t].append(k)
            reinforced[s, t] = norms[s, t](stream)
        fused, summary = {}, {}
        for t in widths:
            streams = [reinforced[s, t] for s in widths if s != t]
            if len(streams) > 1:
                streams = [keras.layers.Concatenate(name=f"{t}_reinforced")(streams)]
            fused[t] = streams[0]
            summary[t] = summaries[t](fused[t], mask=masks[t])
        outputs = head(keras.layers.Concatenate(name="fused")(list(summary.values())))
        elements = (tau, propagate, reduction, normalise)
        outputs = add_alignment_losses(
            outputs, queries, keys, masks, alpha, beta, (mmd_estimator, mmd_bandwidth), elements
        )
        if target_heads:
            heads = TargetHeads(num_outputs, target_heads, name="target_heads")
            outputs = heads(outputs, vectors=summary)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._offer_intermediates(
            crossmodal_intermediates(queries, keys, masks, causal)
            | summary_attentions(summaries, fused, masks)
            | {f"summary/{m}": lambda vector=vector: vector for m, vector in summary.items()}
        )

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.num_heads = num_heads
        self.num_layers = num_layers
        self.kernel_sizes = kernel_sizes
        self.mask_padding = mask_padding
        self.causal = causal
        self.ignores_padding = mask_padding and not causal
        self.alpha = alpha
        self.beta = beta
        self.tau = tau
        self.propagate = propagate
        self.mmd_estimator = mmd_estimator
        self.mmd_bandwidth = mmd_bandwidth
        self.reduction = reduction
        self.normalise = normalise
        self.input_dropout = input_dropout
        self.embedding_dropout = embedding_dropout
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout
        self.attention_dropout = attention_dropout
        self.output_dropout = output_dropout
        self.target_heads = target_heads
        self.pooling = pooling

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "num_heads": self.num_heads,
            "num_layers": self.num_layers,
            "kernel_sizes": self.kernel_sizes,
            "mask_padding": self.mask_padding,
            "causal": self.causal,
            "alpha": self.alpha,
            "beta": self.beta,
            "tau": self.tau,
            "propagate": self.propagate,
            "mmd_estimator": self.mmd_estimator,
            "mmd_bandwidth": self.mmd_bandwidth,
            "reduction": self.reduction,
            "normalise": self.normalise,
            "input_dropout": self.input_dropout,
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
            "output_dropout": self.output_dropout,
            "target_heads": self.target_heads,
            "pooling": self.pooling,
        }
