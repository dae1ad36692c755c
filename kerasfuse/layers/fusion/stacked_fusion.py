"""StackedFusion: what the fusion mechanisms that are a stack of attention blocks share."""

import keras

from kerasfuse.layers.attention.attention_block import AttentionBlock


class StackedFusion(keras.layers.Layer):
    """Hold a stack of `AttentionBlock`s between streams that go in and streams that come out.

    A subclass says by `sources(fused_shape, streams_shape)` what each block's sources are, and
    writes `call(fused, streams, fused_mask, masks)`, which uses `self.blocks`.
    """

    def __init__(
        self,
        num_layers,
        num_heads,
        feedforward_units,
        activation="relu",
        norm="sum",
        dropout=0.0,
        attention_form="paper",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.feedforward_units = feedforward_units
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        self.attention_form = attention_form

    def build(self, fused_shape, streams_shape):
        self.blocks = []
        for index in range(self.num_layers):
            block = AttentionBlock(
                self.num_heads,
                self.feedforward_units,
                self.activation,
                self.norm,
                self.dropout,
                self.attention_form,
                name=f"block_{index}",
                dtype=self.dtype_policy,
            )
            block.build(fused_shape, self.sources(fused_shape, streams_shape))
            self.blocks.append(block)

    def compute_output_spec(self, fused, streams, fused_mask, masks, training=None):
        return keras.KerasTensor(fused.shape, self.compute_dtype), {
            m: keras.KerasTensor(x.shape, self.compute_dtype) for m, x in streams.items()
        }

    def get_config(self):
        config = {
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "feedforward_units": self.feedforward_units,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
            "attention_form": self.attention_form,
        }
        return {**super().get_config(), **config}
