"""GatedFusion: one modality opens and closes the features of another."""

import keras

from kerasfuse.models.parts.encoders import encode, encoder_configs
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_pair


@keras.saving.register_keras_serializable("kerasfuse")
class GatedFusion(FusionModel):
    """Multiply the features of one modality by gates that the other sets.

        y = W (sigmoid(W_g z_g + b_g) o (W_v z + b_v)) + b

    Reference: Kiela et al., "Efficient Large-Scale Multi-Modal Classification", AAAI 2018, as in
    the code of OGM-GE (Peng et al., CVPR 2022), where audio opens vision.

    Args:
        modalities: dict of modality name to feature width of a sequence, or to the shape `(height,
            width, channels)` of an image; exactly two, of any names.
        encoders: dict of modality name to the layer or model that makes a vector of it. A layer
            whose `call` has an argument `mask` gets that of the real steps of its sequence. In a
            toml file: a dict of `class`, a layer of `kerasfuse.layers`, and its arguments.
        num_outputs: number of scores or logits.
        gate: name of the modality whose vector is z_g; the first by default.
        dim: number of gates.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, where steps of zeros are
            padding, or `(batch, height, width, channels)`. An absent modality is all zeros or
            `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for another number of modalities than two, an unknown `gate`, and encoders that
            are not those of the modalities, or make no vector.

    Example:

    >>> encoders = {"audio": ResNet18(16), "vision": ResNet18(16)}
    >>> sizes = {"audio": (257, 188, 1), "vision": (224, 224, 3)}
    >>> model = GatedFusion(sizes, encoders, num_outputs=6, gate="audio")
    """

    def __init__(self, modalities, encoders, num_outputs=1, gate=None, dim=512, **kwargs):
        # === Layers ===
        opens = keras.layers.Dense(dim, activation="sigmoid", name="gate")
        values = keras.layers.Dense(dim, name="values")
        head = keras.layers.Dense(num_outputs, name="head", dtype="float32")

        # === Functional model ===
        sizes, layers, inputs, z = encode(modalities, encoders)
        gate, other = check_pair(sizes, gate, "gate")
        fused = keras.layers.Multiply(name="fused")([opens(z[gate]), values(z[other])])
        super().__init__(inputs=inputs, outputs=head(fused), **kwargs)
        self._offer_intermediates(
            {"fused": lambda: fused} | {f"vector/{m}": lambda v=v: v for m, v in z.items()}
        )

        # === Config ===
        self.modalities = sizes
        self.encoders = layers
        self.num_outputs = num_outputs
        self.gate = gate
        self.dim = dim

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "encoders": encoder_configs(self.encoders),
            "num_outputs": self.num_outputs,
            "gate": self.gate,
            "dim": self.dim,
        }
