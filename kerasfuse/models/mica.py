"""MICA: crossmodal attention over a space in which the modalities are aligned."""

import keras

from kerasfuse.layers import (
    CrossmodalBlock,
    MergeGate,
    ResidualHead,
    SelfAttentionSummary,
    TargetHeads,
)
from kerasfuse.models.parts.alignment_losses import add_alignment_losses, crossmodal_intermediates
from kerasfuse.models.parts.attention_probe import GatesOf, summary_attentions
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_layers,
    check_modalities,
    embed_positions,
    inputs_and_masks,
    per_modality,
    project,
)


@keras.saving.register_keras_serializable("kerasfuse")
class MICA(FusionModel):
    """Fuse asynchronous sequences by Modality-Invariant Crossmodal Attention.

        Z_m^0       = P(Conv1D(X_m))                        every modality m
        Z_(s->t)^i  = CrossmodalBlock(Z_t^i, Z_s^i)         every ordered pair, layer i < D
        Z_t^(i+1)   = MergeGate over s of Z_(s->t)^i        every target
        y           = Head([Summary(Z_m^D)]_m)
        L           = L_p + alpha L_m + beta L_e

    L_m is the MMD between queries and keys, L_e the propagated element-level alignment, both
    averaged over layers, pairs and heads, both added in training only.

    Reference: Liang, Lin, Feng, Zhang, Lv, "Attention is not Enough: Mitigating the Distribution
    Discrepancy in Asynchronous Multimodal Sequence Fusion", ICCV 2021, sections 3.4 and 4. No code
    was published. Where the paper leaves something open: sources are the updated Z_s^i (the text
    says that Z^(i+1) feeds the next layer's blocks; `low_level_source=True` is MulT's Z_s^0); the
    gate's bias is shared over time; the losses are means (as sums they would swamp L_p); the
    summary is a 3-layer self-attention transformer read at the last real step; each pair's stream
    is normed before the last merge.

    Known weakness: L_e as printed is smallest when queries and keys are 0, so training shrinks them
    and attention becomes almost uniform. `normalise="norms"` and `"unit"` do not change with the
    scale, but all queries and keys can still become one vector. `"spread"` changes with neither.
    All three bring L_e to about 2 at the start, so that beta means the same whatever the scale of
    queries and keys; as printed it grows with their square. L_m does not depend on the scale, and
    neither does its gradient, unless `mmd_bandwidth="detached"`.

    Args:
        modalities: dict of modality name to feature width; two or more.
        num_outputs: number of scores or logits.
        dim: width d of the model.
        num_heads: heads of every attention; divides `dim`.
        num_layers: crossmodal layers D.
        kernel_sizes: steps that the input convolution sees; one number, or one a modality.
        alpha: weight of the MMD; 0 switches it off.
        beta: weight of the element-level alignment; 0 switches it off, as validation prefers. The
            paper has 0.5.
        tau: fraction of the entries of an attention matrix that counts as confident.
        propagate: keep the pairs that a layer selected in all later layers.
        mmd_estimator: `"subsample"`, `"exact"` or `"random_features"`.
        mmd_bandwidth: `"differentiated"` or `"detached"`, which shrinks queries and keys; see
            `kerasfuse.ops.mmd`.
        reduction: `"mean"` or `"paper_sum"`, of the element-level alignment.
        normalise: what its distances are measured in: `"none"` as printed, `"norms"`, `"unit"` or
            `"spread"`; see `kerasfuse.ops.propagated_alignment`.
        low_level_source: let every layer attend to the sources' embeddings, as MulT does.
        input_dropout: dict of modality name to dropout rate on its raw features.
        embedding_dropout: rate on the embedded sequences.
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

    >>> model = MICA({"text": 300, "audio": 74, "vision": 35}, num_layers=2)
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=40,
        num_heads=10,
        num_layers=6,
        kernel_sizes=3,
        alpha=0.8,
        beta=0.0,
        tau=0.3,
        propagate=True,
        mmd_estimator="subsample",
        mmd_bandwidth="differentiated",
        reduction="mean",
        normalise="none",
        low_level_source=False,
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
        dropouts = {
            "residual_dropout": residual_dropout,
            "feedforward_dropout": feedforward_dropout,
            "attention_dropout": attention_dropout,
        }

        # === Layers ===
        blocks = {
            (s, t, i): CrossmodalBlock(num_heads, name=f"{s}_to_{t}_block_{i}", **dropouts)
            for s, t in pairs
            for i in range(num_layers)
        }
        norms = {
            (s, t): keras.layers.LayerNormalization(epsilon=1e-5, name=f"{s}_to_{t}_norm")
            for s, t in pairs
        }
        gates = {(t, i): MergeGate(name=f"{t}_gate_{i}") for t in widths for i in range(num_layers)}
        summaries = {
            m: SelfAttentionSummary(
                num_layers=3,
                num_heads=num_heads,
                embedding_dropout=embedding_dropout,
                pooling=pooling,
                name=f"{m}_summary",
                **dropouts,
            )
            for m in widths
        }
        head = ResidualHead(num_outputs, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        z = {m: project(x[m], masks[m], m, dim, kernels[m], raw_dropout[m]) for m in widths}
        z = {m: embed_positions(z[m], masks[m], m, embedding_dropout) for m in widths}
        low_level = dict(z)
        queries, keys, merged = {p: [] for p in pairs}, {p: [] for p in pairs}, {}
        for i in range(num_layers):
            sources = low_level if low_level_source else dict(z)
            reinforced = {}
            for s, t in pairs:
                reinforced[s, t], q, k = blocks[s, t, i](
                    z[t], sources[s], source_mask=masks[s], return_projections=True
                )
                queries[s, t].append(q)
                keys[s, t].append(k)
                if i == num_layers - 1:
                    reinforced[s, t] = norms[s, t](reinforced[s, t])
            for t in widths:
                merged[t, i] = [reinforced[s, t] for s in widths if s != t]
                z[t] = gates[t, i](merged[t, i])
        summary = {m: summaries[m](z[m], mask=masks[m]) for m in widths}
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
            crossmodal_intermediates(queries, keys, masks)
            | summary_attentions(summaries, z, masks)
            | {
                f"gate/{i}/{t}": lambda gate=gates[t, i], streams=streams: GatesOf(gate)(streams)
                for (t, i), streams in merged.items()
            }
            | {f"summary/{m}": lambda vector=vector: vector for m, vector in summary.items()}
        )

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.num_heads = num_heads
        self.num_layers = num_layers
        self.kernel_sizes = kernel_sizes
        self.alpha = alpha
        self.beta = beta
        self.tau = tau
        self.propagate = propagate
        self.mmd_estimator = mmd_estimator
        self.mmd_bandwidth = mmd_bandwidth
        self.reduction = reduction
        self.normalise = normalise
        self.low_level_source = low_level_source
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
            "alpha": self.alpha,
            "beta": self.beta,
            "tau": self.tau,
            "propagate": self.propagate,
            "mmd_estimator": self.mmd_estimator,
            "mmd_bandwidth": self.mmd_bandwidth,
            "reduction": self.reduction,
            "normalise": self.normalise,
            "low_level_source": self.low_level_source,
            "input_dropout": self.input_dropout,
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
            "output_dropout": self.output_dropout,
            "target_heads": self.target_heads,
            "pooling": self.pooling,
        }
