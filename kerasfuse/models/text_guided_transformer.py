"""TextGuidedTransformer: another modality reads itself, and the text, block after block."""

import keras

from kerasfuse.layers import CrossmodalBlock, MaskedGRU, MaskedPooling
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_layers, check_modalities, inputs_and_masks, project


@keras.saving.register_keras_serializable("kerasfuse")
class TextGuidedTransformer(FusionModel):
    """Let every other modality attend to the text, block after block.

        T^0 = GRU(Conv1D(X_text)),   A^0 = GRU(Conv1D(X_audio))
        T^(l+1) = SA_l(T^l),         A^(l+1) = CA_l(SA'_l(A^l), T^(l+1))
        y = W LN(mean T^D + mean A^D) + b

    Reference: the network of CMU-MOSEI in AGM (Li et al., ICCV 2023): 6 blocks of width 512 with 4
    heads, self-attention of the text and text-guided attention of the audio, recurrent layers in
    front. There these are LSTMs and feed-forward nets are 1024 wide; here a GRU that skips padding
    and this library's blocks (inner width 4 d, norms first). That streams are averaged over real
    steps and added up is ours.

    Args:
        modalities: dict of modality name to feature width.
        num_outputs: number of scores or logits.
        guide: name of the modality that the others attend to.
        dim: width d of every stream.
        num_heads: heads of every attention; divides `dim`.
        num_layers: blocks D.
        residual_dropout: rate on what attention and feed-forward nets add.
        feedforward_dropout: rate inside the feed-forward nets.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, or a `guide` that is none of them.

    Example:

    >>> model = TextGuidedTransformer({"text": 300, "audio": 80})
    >>> batch = {"text": np.ones((2, 60, 300)), "audio": np.ones((2, 60, 80))}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        guide="text",
        dim=512,
        num_heads=4,
        num_layers=6,
        residual_dropout=0.1,
        feedforward_dropout=0.1,
        **kwargs,
    ):
        widths = check_modalities(modalities)
        check_layers(num_layers)
        if guide not in widths:
            raise ValueError(
                f"expected `guide` to be one of {list(widths)}. Received: guide={guide!r}"
            )
        dropouts = (residual_dropout, feedforward_dropout)
        others = [m for m in widths if m != guide]

        # === Layers ===
        grus = {m: MaskedGRU(dim, name=f"{m}_gru") for m in widths}
        own = {
            (m, i): CrossmodalBlock(num_heads, *dropouts, name=f"{m}_block_{i}")
            for m in widths
            for i in range(num_layers)
        }
        guided = {
            (m, i): CrossmodalBlock(num_heads, *dropouts, name=f"{guide}_to_{m}_block_{i}")
            for m in others
            for i in range(num_layers)
        }
        means = {m: MaskedPooling("mean", name=f"{m}_mean") for m in widths}
        norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")
        head = keras.layers.Dense(num_outputs, name="head", dtype="float32")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        z = {m: project(x[m], masks[m], m, dim, 1, 0.0) for m in widths}
        z = {m: grus[m](z[m], mask=masks[m]) for m in widths}
        for i in range(num_layers):
            z = {m: own[m, i](z[m], source_mask=masks[m]) for m in widths}
            for m in others:
                z[m] = guided[m, i](z[m], z[guide], source_mask=masks[guide])
        vectors = [means[m](z[m], mask=masks[m]) for m in widths]
        fused = norm(keras.layers.Add(name="fused")(vectors))
        super().__init__(inputs=inputs, outputs=head(fused), **kwargs)
        self._offer_intermediates({"fused": lambda: fused})

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.guide = guide
        self.dim = dim
        self.num_heads = num_heads
        self.num_layers = num_layers
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "guide": self.guide,
            "dim": self.dim,
            "num_heads": self.num_heads,
            "num_layers": self.num_layers,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
        }
