"""HCT-MG: a hierarchy of crossmodal transformers that chooses its own primary modality."""

import functools

import keras

from kerasfuse.layers import CrossmodalHierarchy, MaskedGRU, ModalityGate, ResidualHead
from kerasfuse.models.parts.attention_probe import AttentionOf
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_layers,
    check_modalities,
    inputs_and_masks,
    per_modality,
    project,
)

RECURRENT_LAYERS = 3


@keras.saving.register_keras_serializable("kerasfuse")
class HCTMG(FusionModel):
    """Fuse three sequences by a Hierarchical Crossmodal Transformer with Modality Gating.

        Z_m      = GRU(Conv1D(X_m))                              every modality m
        p        = argmax_m w_m,   w = softmax(g)                the gate's choice, one per batch
        A'_1     = CMT(A_2 -> A_1),    A'_2 = CMT(A_1 -> A_2)    the two modalities that are not p
        P_1      = CMT(A'_1 -> P),     P_2  = CMT(A'_2 -> P)     P = Z_p
        P'       = SA([P_1; P_2])
        y        = Head([w_1 A'_1; w_2 A'_2; P'])                each at its last real step

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition", section 4. No code
    was published. The paper fixes the convolution before a GRU, the order of the four crossmodal
    transformers, the self-attention over the concatenation and what a gate is (`ModalityGate`).
    Its parameter counts settle a GRU of 3 layers in one direction without biases, one set of
    transformers that belong to roles, a self-attention of max(D, 3) layers, scalars w_1 and w_2 on
    the auxiliaries, and MulT's residual head: 542,843 (MOSI), 781,803 (MOSEI) and 547,330 (IEMOCAP)
    without the gate's logits. Readings of ours: how a gradient reaches the gate; the auxiliaries
    keep the order in which `modalities` names them; padding is masked.

    With `gate="soft"` all three hierarchies are computed, in training and in inference, and
    y = sum_m w_m y_m. In all other modes only the chosen one is computed, and a change of primary
    does not build a new graph.

    Args:
        modalities: dict of modality name to feature width; exactly three, of any names.
        num_outputs: number of scores or logits.
        dim: width d of every stream.
        num_heads: heads of every attention; divides `dim`.
        num_layers: blocks D of each crossmodal transformer.
        kernel_sizes: steps that the input convolution sees; one number, or one a modality.
        gate: `"straight_through"`, `"straight_through_gumbel"`, `"soft"` or `"fixed"`; see
            `ModalityGate`.
        primary: name of the primary modality of a fixed gate.
        input_dropout: dict of modality name to dropout rate on its raw features.
        embedding_dropout: rate on the embedded sequences, with a new mask for each use.
        residual_dropout: rate on what attention and feed-forward nets add.
        feedforward_dropout: rate inside the feed-forward nets.
        attention_dropout: rate on attention weights; above 0 the fused kernel is not used.
        output_dropout: rate inside the head.
        pooling: how the streams of the hierarchy are read at the end, a mode of `MaskedPooling`;
            the paper reads the last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality, the primary one too, is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for another number of modalities than three, an unknown gate or primary, names
            that do not match, or heads that do not divide `dim`.

    Example:

    >>> model = HCTMG({"text": 300, "audio": 74, "eeg": 32})
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "eeg": None}
    >>> model.predict(batch).shape   # (2, 1)
    >>> model.get_layer("gate").choice
    'text'
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=40,
        num_heads=5,
        num_layers=2,
        kernel_sizes=1,
        gate="straight_through",
        primary=None,
        input_dropout=None,
        embedding_dropout=0.25,
        residual_dropout=0.1,
        feedforward_dropout=0.1,
        attention_dropout=0.0,
        output_dropout=0.0,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities)
        if len(widths) != 3:
            raise ValueError(
                "expected exactly three modalities, one primary and two auxiliary ones; for "
                f"another number take MulT or MICA. Received: {modalities!r}"
            )
        check_layers(num_layers)
        kernels = per_modality(widths, kernel_sizes, "kernel_sizes")
        raw_dropout = dict.fromkeys(widths, 0.0) | dict(input_dropout or {})

        # === Layers ===
        grus = {m: MaskedGRU(dim, RECURRENT_LAYERS, name=f"{m}_gru") for m in widths}
        choose = ModalityGate(widths, gate, primary, name="gate")
        fuse = CrossmodalHierarchy(
            widths,
            num_layers,
            num_heads,
            embedding_dropout,
            residual_dropout,
            feedforward_dropout,
            attention_dropout,
            pooling,
            name="hierarchy",
        )
        head = ResidualHead(num_outputs, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        z = {m: project(x[m], masks[m], m, dim, kernels[m], raw_dropout[m]) for m in widths}
        z = {m: grus[m](z[m], mask=masks[m]) for m in widths}
        z, w, p = choose(z, return_choice=True)
        if gate == "soft":
            outputs = sum(
                w[i] * head(fuse(z, primary=m, masks=masks)) for i, m in enumerate(widths)
            )
        elif gate == "fixed":
            outputs = head(fuse(z, primary=primary, masks=masks))
        else:
            outputs = head(fuse(z, primary=p, masks=masks))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._offer_intermediates(_hierarchies(fuse, z, masks, num_layers))

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.num_heads = num_heads
        self.num_layers = num_layers
        self.kernel_sizes = kernel_sizes
        self.gate = gate
        self.primary = primary
        self.input_dropout = input_dropout
        self.embedding_dropout = embedding_dropout
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout
        self.attention_dropout = attention_dropout
        self.output_dropout = output_dropout
        self.pooling = pooling

    def choice_of_call(self, training):
        gate = self.get_layer("gate")
        if gate.mode in ("fixed", "soft"):
            return ()
        if gate.mode == "straight_through_gumbel" and training and not gate.is_frozen:
            return None
        return (gate.modalities.index(gate.choice),)

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "num_heads": self.num_heads,
            "num_layers": self.num_layers,
            "kernel_sizes": self.kernel_sizes,
            "gate": self.gate,
            "primary": self.primary,
            "input_dropout": self.input_dropout,
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
            "output_dropout": self.output_dropout,
            "pooling": self.pooling,
        }


def _hierarchies(fuse, z, masks, num_layers):
    """Name what each of the three hierarchies makes, whichever is chosen, for `extract`."""

    @functools.cache
    def hierarchy(primary):
        return AttentionOf(fuse, "masks", primary=primary)(z, masks)

    offered = {}
    for p in masks:
        first, second = (m for m in masks if m != p)
        pairs = [(second, first), (first, second), (first, p), (second, p)]
        offered[f"fused/{p}"] = lambda p=p: hierarchy(p)[0]
        offered[f"summary_attention/{p}"] = lambda p=p: hierarchy(p)[1]
        for name in [f"{i}/{s}_to_{t}" for i in range(num_layers) for s, t in pairs]:
            offered[f"attention/{p}/{name}"] = lambda p=p, name=name: hierarchy(p)[2][name]
    return offered
