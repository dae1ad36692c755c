"""SelfAttentionSummary: a transformer over one sequence, read as one vector."""

import keras
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sequence.masked_pooling import MaskedPooling
from kerasfuse.layers.sequence.sinusoidal_positions import SinusoidalPositions
from kerasfuse.layers.sublayer import run
from kerasfuse.ops.masks import presence


@renamed_arguments(return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class SelfAttentionSummary(keras.layers.Layer):
    """Summarise a sequence by a self-attention transformer that is read at the last real step.

        Z^0 = P(X),   Z^(l+1) = CrossmodalBlock(Z^l, Z^l),   y = LN(Z^L)_n,   n the last real step

    P scales and adds positions. Since only one step of the last layer is read, only that query is
    computed there: the same number, a third of the cost saved at three layers. With another
    `pooling` y is the mean of LN(Z^L) over the real steps, or their mean by learnt attention.

    Reference: Tsai et al., MulT, ACL 2019, section 3.1 ("memory" transformers), and its public
    code.

    Args:
        num_layers: number of blocks.
        num_heads: heads of each block; divides the width.
        embedding_dropout: rate on the sequence after positions are added.
        residual_dropout, feedforward_dropout, attention_dropout, causal: see `CrossmodalBlock`.
        pooling: what is read, a mode of `MaskedPooling`.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.
        return_attention_scores: also return the attention of what is read in the last block,
            `(batch, steps)`, averaged over heads, and over the steps by what each counts.

    Returns:
        Tensor `(batch, width)`, zeros where a sample has no real step, or a tuple of it and the
        attention.

    Example:

    >>> SelfAttentionSummary(num_layers=3, num_heads=8)(np.ones((2, 50, 40))).shape   # (2, 40)
    """

    def __init__(
        self,
        num_layers,
        num_heads,
        embedding_dropout=0.0,
        residual_dropout=0.0,
        feedforward_dropout=0.0,
        attention_dropout=0.0,
        causal=False,
        pooling="last",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.embedding_dropout = embedding_dropout
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout
        self.attention_dropout = attention_dropout
        self.causal = causal
        self.pooling = pooling

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.positions = SinusoidalPositions(name="positions", dtype=policy)
        self.drop = Dropout(self.embedding_dropout, dtype=policy)
        self.blocks = []
        for index in range(self.num_layers):
            last = index == self.num_layers - 1
            block = CrossmodalBlock(
                self.num_heads,
                self.residual_dropout,
                self.feedforward_dropout,
                self.attention_dropout,
                # The last step sees all steps under the causal mask too.
                causal=self.causal and not (last and self.pooling == "last"),
                name=f"block_{index}",
                dtype=policy,
            )
            block.build(inputs_shape)
            self.blocks.append(block)
        self.last_step = MaskedPooling(self.pooling, name="last_step", dtype=policy)
        self.last_step.build(inputs_shape)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.norm.build(inputs_shape)

    def call(self, inputs, mask=None, return_attention_scores=False, training=None):
        x = run(self.drop, run(self.positions, inputs, mask=mask), training=training)
        for block in self.blocks[:-1]:
            x = run(block, x, source_mask=mask, training=training)
        if self.pooling != "last":
            return self._pooled(x, mask, return_attention_scores, training)
        summary = run(self.last_step, x, mask=mask)[:, None, :]
        summary, query, keys = run(
            self.blocks[-1],
            summary,
            x,
            source_mask=mask,
            return_projections=True,
            training=training,
        )
        # The norm's bias would give an absent modality a vector of its own: mask once more.
        summary = ops.squeeze(run(self.norm, summary), axis=1)
        if mask is not None:
            summary = summary * presence(mask, summary.dtype)
        if not return_attention_scores:
            return summary
        return summary, ops.mean(fuse_ops.attention_scores(query, keys, mask), axis=(1, 2))

    def _pooled(self, x, mask, return_attention_scores, training):
        z, query, keys = run(
            self.blocks[-1], x, source_mask=mask, return_projections=True, training=training
        )
        z = run(self.norm, z)
        summary = run(self.last_step, z, mask=mask)
        if not return_attention_scores:
            return summary
        scores = fuse_ops.attention_scores(query, keys, mask, self.causal)
        counts = self.last_step.attention(z, mask)[:, :, None]
        return summary, ops.sum(ops.mean(scores, axis=1) * counts, axis=1)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], inputs_shape[2])

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False, training=None):
        batch, steps, width = inputs.shape
        summary = keras.KerasTensor((batch, width), dtype=self.compute_dtype)
        if not return_attention_scores:
            return summary
        return summary, keras.KerasTensor((batch, steps), dtype="float32")

    def get_config(self):
        config = {
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
            "causal": self.causal,
            "pooling": self.pooling,
        }
        return {**super().get_config(), **config}
