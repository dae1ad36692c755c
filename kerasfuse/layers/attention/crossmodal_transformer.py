"""CrossmodalTransformer: a target modality reinforced by a source, through a stack of blocks."""

import keras
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.layers.attention.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sequence.sinusoidal_positions import SinusoidalPositions
from kerasfuse.layers.sublayer import run


@renamed_arguments(return_attention="return_attention_scores")
@keras.saving.register_keras_serializable("kerasfuse")
class CrossmodalTransformer(keras.layers.Layer):
    """Reinforce a target sequence by a source sequence, CMT(S -> T).

        X^0 = P(T),   X^(i+1) = CrossmodalBlock(X^i, P(S)),   i < D,   Y = LN(X^D)

    P scales and adds positions. Every block attends to the embedded source of layer 0.

    Reference: Tsai et al., MulT, ACL 2019, section 3.2. D (12 d^2 + 13 d) + 2 d parameters.

    Args:
        num_layers: blocks D.
        num_heads: heads of each block; divides the width.
        embedding_dropout: rate on both sequences after positions are added.
        residual_dropout, feedforward_dropout, attention_dropout: see `CrossmodalBlock`.

    Call arguments:
        query: target tensor `(batch, Tq, width)`.
        source: source tensor `(batch, Tk, width)`.
        query_mask: boolean `(batch, Tq)`, `True` at real steps, or `None`.
        source_mask: boolean `(batch, Tk)`, likewise.
        return_attention_scores: also return the attention of each block, averaged over its heads: a
            list of tensors `(batch, Tq, Tk)`.

    Returns:
        Tensor `(batch, Tq, width)`, or a tuple of it and the list.

    Example:

    >>> words, frames = np.random.normal(size=(2, 50, 40)), np.random.normal(size=(2, 500, 40))
    >>> CrossmodalTransformer(num_layers=2, num_heads=5)(words, frames).shape   # (2, 50, 40)
    """

    def __init__(
        self,
        num_layers,
        num_heads,
        embedding_dropout=0.0,
        residual_dropout=0.0,
        feedforward_dropout=0.0,
        attention_dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.embedding_dropout = embedding_dropout
        self.residual_dropout = residual_dropout
        self.feedforward_dropout = feedforward_dropout
        self.attention_dropout = attention_dropout

    def build(self, query_shape, source_shape):
        policy = self.dtype_policy
        self.positions = SinusoidalPositions(name="positions", dtype=policy)
        self.drop_query = Dropout(self.embedding_dropout, dtype=policy)
        self.drop_source = Dropout(self.embedding_dropout, dtype=policy)
        self.blocks = []
        for index in range(self.num_layers):
            block = CrossmodalBlock(
                self.num_heads,
                self.residual_dropout,
                self.feedforward_dropout,
                self.attention_dropout,
                name=f"block_{index}",
                dtype=policy,
            )
            block.build(query_shape, source_shape)
            self.blocks.append(block)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.norm.build(query_shape)

    def call(
        self,
        query,
        source,
        query_mask=None,
        source_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        x = run(self.positions, query, mask=query_mask)
        x = run(self.drop_query, x, training=training)
        source = run(self.positions, source, mask=source_mask)
        source = run(self.drop_source, source, training=training)
        attention = []
        for block in self.blocks:
            x, queries, keys = run(
                block,
                x,
                source,
                source_mask=source_mask,
                return_projections=True,
                training=training,
            )
            if return_attention_scores:
                scores = fuse_ops.attention_scores(queries, keys, source_mask)
                attention.append(ops.mean(scores, axis=1))
        x = run(self.norm, x)
        return (x, attention) if return_attention_scores else x

    def compute_output_shape(self, query_shape, source_shape):
        return query_shape

    def compute_output_spec(
        self,
        query,
        source,
        query_mask=None,
        source_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        output = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        shape = (*query.shape[:2], source.shape[1])
        maps = [keras.KerasTensor(shape, dtype="float32") for _ in range(self.num_layers)]
        return output, maps

    def get_config(self):
        config = {
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "embedding_dropout": self.embedding_dropout,
            "residual_dropout": self.residual_dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "attention_dropout": self.attention_dropout,
        }
        return {**super().get_config(), **config}
