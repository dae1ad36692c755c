"""MISA: what modalities share, and what each has alone."""

import keras
from keras import ops

from kerasfuse.layers import (
    AttentionBlock,
    BidirectionalLSTM,
    Dropout,
    MaskedPooling,
    SubspaceRegularizer,
)
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_averaged,
    check_modalities,
    inputs_and_masks,
    per_modality,
)


@keras.saving.register_keras_serializable("kerasfuse")
class MISA(FusionModel):
    """Fuse a shared (modality-invariant) and a private (-specific) vector of each modality.

        x_m = [ends of BiLSTM(X_m); ends of BiLSTM(LN(BiLSTM(X_m)))]      every modality m
        u_m = LN(relu(W_m x_m + b_m))
        c_m = sigmoid(E_c u_m),   p_m = sigmoid(E_m u_m)                  shared, alone
        H   = AttentionBlock([p_m]_m, [c_m]_m)                            vectors attend to vectors
        y   = W relu(dropout(V [H]))
        L   = L_p + w_s L_sim + w_d L_diff + w_r L_recon

    L_sim brings the c_m together in distribution. L_diff makes c_m and p_m orthogonal, and the p_m
    to each other. L_recon reconstructs u_m from c_m + p_m by one linear decoder for all. See
    `SubspaceRegularizer`. All three exist in training only.

    Reference: Hazarika, Zimmermann, Poria, "MISA: Modality-Invariant and -Specific Representations
    for Multimodal Sentiment Analysis", ACM Multimedia 2020, section 3. Text is encoded as the
    paper does where it has no BERT, by the same LSTMs as the rest; with features of a BERT, name
    the modality in `averaged`. Its code has a decoder for each modality where the paper has one
    for all, and its L_diff stops the gradient of the rows' lengths (see
    `kerasfuse.ops.subspaces`); the weights are the code's defaults, and the attention has no
    biases. The MMSA toolkit
    reads audio and vision for as many steps as text has; here each is read to its own end.

    Args:
        modalities: dict of modality name to feature width; two or more.
        num_outputs: number of scores or logits.
        dim: width of u, c and p.
        lstm_units: width of each LSTM; one number, or one a modality; by default its feature width.
        num_heads: heads of the attention between vectors; divides `dim`.
        feedforward_units: width inside its feed-forward net.
        averaged: list of the modalities that are averaged over their steps, without LSTMs.
        similarity: weight w_s; 0 switches it off.
        difference: weight w_d; 0 switches it off.
        reconstruction: weight w_r; 0 switches it off.
        fusion_dropout: rate in the attention block.
        output_dropout: rate in the hidden layer at the end.
        pooling: how the states of each LSTM are read at the end, a mode of `MaskedPooling`; the
            paper reads the last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, names that do not match, or heads that do not
            divide `dim`.

    Example:

    >>> model = MISA({"text": 768, "audio": 74, "vision": 35}, averaged=["text"])
    >>> batch = {"text": np.ones((2, 50, 768)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=128,
        lstm_units=None,
        num_heads=2,
        feedforward_units=2048,
        averaged=(),
        similarity=1.0,
        difference=0.3,
        reconstruction=1.0,
        fusion_dropout=0.1,
        output_dropout=0.1,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities)
        units = widths if lstm_units is None else per_modality(widths, lstm_units, "lstm_units")
        check_averaged(widths, averaged)

        # === Layers ===
        def dense(units, name, activation=None, **options):
            return keras.layers.Dense(units, activation=activation, name=name, **options)

        projections = {m: dense(dim, f"{m}_projection", "relu") for m in widths}
        norms = {m: keras.layers.LayerNormalization(epsilon=1e-5, name=f"{m}_norm") for m in widths}
        encode_alone = {m: dense(dim, f"{m}_private", "sigmoid") for m in widths}
        encode_shared = dense(dim, "shared", "sigmoid")
        decode = dense(dim, "decoder")
        attend = AttentionBlock(num_heads, feedforward_units, dropout=fusion_dropout, name="fusion")
        hidden = dense(len(widths) * dim, "hidden")
        drop = Dropout(output_dropout, name="output_dropout")
        scores = dense(num_outputs, "scores", dtype="float32")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        u = {}
        for m in widths:
            if m in averaged:
                summary = MaskedPooling("mean", name=f"{m}_pooling")(x[m], mask=masks[m])
            else:
                summary = _stacked_lstms(x[m], masks[m], m, units[m], pooling)
            u[m] = norms[m](projections[m](summary))
        p = {m: encode_alone[m](u[m]) for m in widths}
        c = {m: encode_shared(u[m]) for m in widths}
        vectors = ops.stack([*p.values(), *c.values()], axis=1)
        all_real = ops.ones_like(vectors[:, :, 0], dtype="bool")
        fused = attend(vectors, {"vectors": vectors}, {"vectors": all_real})
        fused = keras.layers.Flatten(name="fused")(fused)
        y = scores(ops.relu(drop(hidden(fused))))
        losses = (
            ("similarity", similarity, list(c.values()), None),
            ("difference", difference, list(c.values()), list(p.values())),
            ("reconstruction", reconstruction, list(u.values()), [decode(c[m] + p[m]) for m in u]),
        )
        for kind, weight, first, second in losses:
            if weight:
                y = SubspaceRegularizer(kind, weight, name=kind)(y, first=first, second=second)
        super().__init__(inputs=inputs, outputs=y, **kwargs)
        self._offer_intermediates(
            {f"private/{m}": lambda v=v: v for m, v in p.items()}
            | {f"shared/{m}": lambda v=v: v for m, v in c.items()}
        )

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.lstm_units = lstm_units
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.averaged = list(averaged)
        self.similarity = similarity
        self.difference = difference
        self.reconstruction = reconstruction
        self.fusion_dropout = fusion_dropout
        self.output_dropout = output_dropout
        self.pooling = pooling

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "lstm_units": self.lstm_units,
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "averaged": self.averaged,
            "similarity": self.similarity,
            "difference": self.difference,
            "reconstruction": self.reconstruction,
            "fusion_dropout": self.fusion_dropout,
            "output_dropout": self.output_dropout,
            "pooling": self.pooling,
        }


def _stacked_lstms(x, mask, name, units, pooling):
    """Read a sequence, norm what was said, read that, and return what each of the four ends in."""
    first, ends = BidirectionalLSTM(units, pooling, name=f"{name}_lstm_0")(x, mask=mask)
    norm = keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_lstm_norm")
    _, more_ends = BidirectionalLSTM(units, pooling, name=f"{name}_lstm_1")(norm(first), mask=mask)
    return keras.layers.Concatenate(name=f"{name}_ends")([ends, more_ends])
