"""CrossAttentionFusion: one modality queries the others, block after block."""

import keras

from kerasfuse.layers.attention_block import AttentionBlock


@keras.saving.register_keras_serializable("kerasfuse")
class CrossAttentionFusion(keras.layers.Layer):
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
        feedforward_dim: inner width of the feed-forward nets.
        activation, norm, dropout: see `AttentionBlock`.

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
    >>> fuse = CrossAttentionFusion("text", num_layers=2, num_heads=8, feedforward_dim=80)
    >>> fused, streams = fuse(streams["text"], streams, masks["text"], masks)
    >>> streams["text"].shape   # (2, 50, 40)
    """

    def __init__(
        self,
        anchor,
        num_layers,
        num_heads,
        feedforward_dim,
        activation="relu",
        norm="sum",
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.anchor = anchor
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.feedforward_dim = feedforward_dim
        self.activation = activation
        self.norm = norm
        self.dropout = dropout

    def build(self, fused_shape, streams_shape):
        sources = {m: shape for m, shape in streams_shape.items() if m != self.anchor}
        self.blocks = []
        for index in range(self.num_layers):
            block = AttentionBlock(
                self.num_heads,
                self.feedforward_dim,
                self.activation,
                self.norm,
                self.dropout,
                name=f"block_{index}",
                dtype=self.dtype_policy,
            )
            block.build(fused_shape, sources)
            self.blocks.append(block)

    def call(self, fused, streams, fused_mask, masks, training=None):
        sources = {m: x for m, x in streams.items() if m != self.anchor}
        anchor = streams[self.anchor]
        for block in self.blocks:
            anchor = block(anchor, sources, masks, training=training)
        return fused, {**streams, self.anchor: anchor}

    def compute_output_spec(self, fused, streams, fused_mask, masks, training=None):
        return keras.KerasTensor(fused.shape, self.compute_dtype), {
            m: keras.KerasTensor(x.shape, self.compute_dtype) for m, x in streams.items()
        }

    def get_config(self):
        config = {
            "anchor": self.anchor,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "feedforward_dim": self.feedforward_dim,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}
