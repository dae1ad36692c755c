"""JointSelfAttention: every step of every modality looks at all others."""

import keras
from keras import ops

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.fusion.stacked_fusion import StackedFusion
from kerasfuse.layers.sublayer import run


@renamed_arguments(feedforward_dim="feedforward_units")
@keras.saving.register_keras_serializable("kerasfuse")
class JointSelfAttention(StackedFusion):
    """Fuse modalities by self-attention over their sequences, one behind the other.

        X = [X_t; X_a; X_v],    X <- AttentionBlock(X; X),    cut into X_t, X_a, X_v again

    Its cost grows with the square of all steps together.

    Reference: "Concat & SA" of DAHB, Table 5, of which the paper tells no more. Two layers and a
    feed-forward net of 4 d come to the multiply-adds that it gives.

    Args:
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
        `fused`, and the dict of streams, padded steps 0.

    Example:

    >>> streams = {"text": np.ones((2, 50, 40)), "audio": np.ones((2, 500, 40))}
    >>> masks = {m: np.ones(x.shape[:2], bool) for m, x in streams.items()}
    >>> fuse = JointSelfAttention(num_layers=2, num_heads=8, feedforward_units=160)
    >>> fused, streams = fuse(streams["text"], streams, masks["text"], masks)
    >>> streams["text"].shape   # (2, 50, 40)
    """

    def sources(self, fused_shape, streams_shape):
        return {"self": fused_shape}

    def call(self, fused, streams, fused_mask, masks, training=None):
        x = ops.concatenate(list(streams.values()), axis=1)
        mask = ops.concatenate([masks[m] for m in streams], axis=1)
        for block in self.blocks:
            x = run(block, x, {"self": x}, {"self": mask}, training=training)
        x = x * ops.cast(mask, x.dtype)[:, :, None]
        updated, start = {}, 0
        for name, stream in streams.items():
            steps = ops.shape(stream)[1]
            updated[name] = x[:, start : start + steps]
            start += steps
        return fused, updated
