"""PostNormBlock: a layer of a Transformer encoder as it was first published."""

import keras

from kerasfuse.layers.attention.crossmodal_attention import CrossmodalAttention
from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class PostNormBlock(keras.layers.Layer):
    """Encode a sequence by self-attention and a feed-forward net, the norms on the sums.

        Z = LN(X + MHA(X)),    Y = LN(Z + act(Z W_1 + b_1) W_2 + b_2)

    MHA is multi-head self-attention with biases and an output projection, see
    `CrossmodalAttention`; its logits are divided by sqrt(d_h).

    Reference: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.1; in training,
    dropout has the four places of PyTorch's `TransformerEncoderLayer`. The encoders of audio and
    vision in the later release of DAHB are made of it.

    Args:
        num_heads: heads of the attention; divides the width.
        feedforward_units: inner width of the feed-forward net.
        activation: `"relu"` or `"gelu"`.
        dropout: rate on the attention scores, inside the feed-forward net after the activation, and
            on what both add. Any rate above 0 gives up the fused kernel of attention.

    Call arguments:
        inputs: tensor X, `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor like `inputs`; what stands at padded steps is to be masked.

    Raises:
        ValueError: when `num_heads` does not divide the width.

    Example:

    >>> frames = np.random.normal(size=(2, 500, 40))
    >>> block = PostNormBlock(num_heads=8, feedforward_units=80)
    >>> block(frames, mask=np.ones((2, 500), bool)).shape   # (2, 500, 40)
    """

    def __init__(self, num_heads, feedforward_units, activation="relu", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.activation = activation
        self.dropout = dropout

    def build(self, inputs_shape):
        policy = self.dtype_policy
        self.attention = CrossmodalAttention(
            self.num_heads, self.dropout, name="attention", dtype=policy
        )
        self.attention.build(inputs_shape, inputs_shape)
        self.inner = keras.layers.Dense(
            self.feedforward_units, activation=self.activation, name="inner", dtype=policy
        )
        self.outer = keras.layers.Dense(inputs_shape[-1], name="outer", dtype=policy)
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-5, name=name, dtype=policy)
            for name in ("attention_norm", "feedforward_norm")
        ]
        for layer in (self.inner, *self.norms):
            layer.build(inputs_shape)
        self.outer.build((*inputs_shape[:-1], self.feedforward_units))
        self.drops = [Dropout(self.dropout, dtype=policy) for _ in range(3)]

    def call(self, inputs, mask=None, training=None):
        drop_attended, drop_inner, drop_outer = self.drops
        attention_norm, feedforward_norm = self.norms
        attended = run(self.attention, inputs, inputs, source_mask=mask, training=training)
        x = run(attention_norm, inputs + run(drop_attended, attended, training=training))
        inner = run(drop_inner, run(self.inner, x), training=training)
        outer = run(drop_outer, run(self.outer, inner), training=training)
        return run(feedforward_norm, x + outer)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return inputs_shape

    def get_config(self):
        config = {
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "activation": self.activation,
            "dropout": self.dropout,
        }
        return {**super().get_config(), **config}
