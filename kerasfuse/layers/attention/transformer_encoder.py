"""TransformerEncoder: a sequence as the vector of its first step."""

import keras
from keras import ops

from kerasfuse.layers.attention.crossmodal_block import CrossmodalBlock
from kerasfuse.layers.sequence.masked_conv1d import MaskedConv1D
from kerasfuse.layers.sublayer import run
from kerasfuse.ops.masks import first_valid_step, gather_step


@keras.saving.register_keras_serializable("kerasfuse")
class TransformerEncoder(keras.layers.Layer):
    """Encode a sequence by self-attention, and read it at its first real step.

        Z^0 = Conv1D_1(X),   Z^(l+1) = CrossmodalBlock(Z^l, Z^l),   y = LN(Z^L)_first

    Reference: the encoders of UR-Funny in AGM (Li et al., ICCV 2023): width 768, 4 layers and 8
    heads by its supplement (its code exchanges the two), a convolution of one step without bias in
    front, no positions, the first step as the summary. There padded steps are attended to; here
    they are not, and the blocks are this library's: norms before attention, inner width 4 d.

    Args:
        dim: width d.
        num_layers: number of blocks.
        num_heads: heads of each block; divides `dim`.
        dropout: rate on what attention and feed-forward nets add, and inside the latter.

    Call arguments:
        inputs: tensor `(batch, steps, features)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor `(batch, dim)`, zeros where a sample has no real step.

    Example:

    >>> TransformerEncoder(768, num_layers=4, num_heads=8)(np.ones((2, 50, 300))).shape   # (2, 768)
    """

    def __init__(self, dim, num_layers, num_heads, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout

    def build(self, inputs_shape):
        policy = self.dtype_policy
        shape = (*inputs_shape[:2], self.dim)
        self.projection = MaskedConv1D(self.dim, name="projection", dtype=policy)
        self.projection.build(inputs_shape)
        self.blocks = []
        for index in range(self.num_layers):
            block = CrossmodalBlock(
                self.num_heads, self.dropout, self.dropout, name=f"block_{index}", dtype=policy
            )
            block.build(shape)
            self.blocks.append(block)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.norm.build(shape)

    def call(self, inputs, mask=None, training=None):
        x = run(self.projection, inputs, mask=mask)
        for block in self.blocks:
            x = run(block, x, source_mask=mask, training=training)
        if mask is None:
            return run(self.norm, x[:, 0])
        present = ops.any(mask, axis=1)[:, None]
        summary = run(self.norm, gather_step(x, first_valid_step(mask)))
        return summary * ops.cast(present, summary.dtype)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], self.dim)

    def get_config(self):
        config = {
            "dim": self.dim,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}
