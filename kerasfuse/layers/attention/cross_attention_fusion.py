"""CrossAttentionFusion: one modality queries the others, block after block."""

import keras

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.fusion.stacked_fusion import StackedFusion
from kerasfuse.layers.sublayer import run


@renamed_arguments(feedforward_dim="feedforward_units")
@keras.saving.register_keras_serializable("kerasfuse")
class CrossAttentionFusion(StackedFusion):
    """Fuse modalities by letting the anchor look at the others several times.

        X_t <- AttentionBlock(X_t; X_a, X_v)

    The other modalities stay as they are.

    Reference: "CA" of DAHB, Table 5, of which the paper tells no more than that it integrates
    modalities by cross-attention; text as the query, two layers and a feed-forward net of 2 d are
    our reading.

    Args:
        anchor: name of the modality that queries.
        num_layers: number of blocks.
        num_heads: heads of the attention; divides the width.
        feedforward_units: inner width of the feed-forward nets.
        activation, norm, dropout, attention_form: see `AttentionBlock`.

    Call arguments:
        fused: tensor `(batch, steps, width)`, the aligned sequence; it passes unchanged.
        streams: dict of modality name to tensor X_m, `(batch, steps, width)`.
        fused_mask: boolean `(batch, steps)`, `True` at real steps.
        masks: dict of modality name to boolean `(batch, steps)`.

    Returns:
        `fused`, and the dict of streams with the anchor's updated.

    Example:

    >>> streams = {"text": np.ones((2, 50, 40)), "audio": np.ones((2, 500, 40))}
    >>> masks = {m: np.ones(x.shape[:2], bool) for m, x in streams.items()}
    >>> fuse = CrossAttentionFusion("text", num_layers=2, num_heads=8, feedforward_units=80)
    >>> fused, streams = fuse(streams["text"], streams, masks["text"], masks)
    >>> streams["text"].shape   # (2, 50, 40)
    """

    def __init__(self, anchor, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.anchor = anchor

    def sources(self, fused_shape, streams_shape):
        return {m: shape for m, shape in streams_shape.items() if m != self.anchor}

    def call(self, fused, streams, fused_mask, masks, training=None):
        sources = {m: x for m, x in streams.items() if m != self.anchor}
        anchor = streams[self.anchor]
        for block in self.blocks:
            anchor = run(block, anchor, sources, masks, training=training)
        return fused, {**streams, self.anchor: anchor}

    def get_config(self):
        return {**super().get_config(), "anchor": self.anchor}
