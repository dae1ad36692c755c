"""ShiftedTextEncoder: an adapted encoder of text whose words other modalities shift."""

import keras
from keras import ops

from kerasfuse.layers.encoders.adapted_text_encoder import AdaptedTextEncoder
from kerasfuse.layers.fusion.multimodal_adaptation_gate import MultimodalAdaptationGate


@keras.saving.register_keras_serializable("kerasfuse")
class ShiftedTextEncoder(AdaptedTextEncoder):
    """Encode token ids as `AdaptedTextEncoder` does, with a gate before one of the layers.

        Z' = MAG(Z, [X_s]_s),   Z what the layer `num_layers_before` would read

    Reference: Rahman et al. (MAG-BERT), ACL 2020, section 3; see `MultimodalAdaptationGate`.

    Args:
        num_layers_before: layers that see words alone; as many as there are: after the last one.
        beta: largest length of a shift, as a share of the length of what is shifted.
        gate_dropout: rate on the output of the gate.
        **kwargs: those of `AdaptedTextEncoder`, but `pooling`.

    Call arguments:
        inputs: integer tensor `(batch, steps)` of ids.
        sources: list of tensors `(batch, steps, width_s)`, aligned with the ids.

    Returns:
        See `AdaptedTextEncoder`.

    Raises:
        ValueError: for more layers than the encoder has; see `AdaptedTextEncoder`.
    """

    def __init__(self, num_layers_before=0, beta=1.0, gate_dropout=0.5, **kwargs):
        super().__init__(**kwargs)
        layers = self.bert().num_layers
        if num_layers_before not in range(layers + 1):
            raise ValueError(
                f"expected `num_layers_before` to be from 0 to {layers}, the layers of the "
                f"encoder. Received: num_layers_before={num_layers_before!r}"
            )
        self.num_layers_before = num_layers_before
        self.beta = beta
        self.gate_dropout = gate_dropout

    def build(self, inputs_shape, sources_shape):
        super().build(inputs_shape)
        width = self.bert().hidden_dim
        self.gate = MultimodalAdaptationGate(
            self.beta, self.gate_dropout, name="gate", dtype=self.dtype_policy
        )
        self.gate.build((*inputs_shape, width), sources_shape)

    def call(self, inputs, sources, training=None):
        real = ops.not_equal(inputs, 0)
        sources = [self.left(x, mask=real) for x in sources]
        ids, mask = self.justified(inputs)
        z = self.embedded(ids)
        layers = self.bert().num_layers
        for i in range(layers + 1):
            if i == self.num_layers_before:
                z = self.gate(z, sources=sources, training=training)
            if i < layers:
                z = self.layer(i, z, mask, training=training)
        return z, mask

    def compute_output_spec(self, inputs, sources, training=None):
        return super().compute_output_spec(inputs)

    def get_config(self):
        config = super().get_config()
        config.pop("pooling")
        return config | {
            "num_layers_before": self.num_layers_before,
            "beta": self.beta,
            "gate_dropout": self.gate_dropout,
        }
