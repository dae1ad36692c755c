"""LateFusion: each modality encoded apart, and added up in the logits."""

import keras

from kerasfuse.models.parts.encoders import encode, encoder_configs
from kerasfuse.models.parts.fusion_model import FusionModel


@keras.saving.register_keras_serializable("kerasfuse")
class LateFusion(FusionModel):
    """Concatenate one vector a modality, and predict by one linear layer.

        y = W [z_1; ...; z_K] + b = sum_m W_m z_m + b,      z_m = encoder_m(x_m)

    Reference: late fusion of AGM (Li et al., ICCV 2023) and OGM-GE (Peng et al., CVPR 2022).
    Modalities meet in a sum, so that none changes what another adds.

    Args:
        modalities: dict of modality name to feature width of a sequence, or to the shape `(height,
            width, channels)` of an image, or to `None` for the token ids of an
            `AdaptedTextEncoder`; one or more, of any names.
        encoders: dict of modality name to the layer or model that makes a vector of it. A layer
            whose `call` has an argument `mask` gets that of the real steps of its sequence. In a
            toml file: a dict of `class`, a layer of `kerasfuse.layers`, and its arguments.
        num_outputs: number of scores or logits.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, where steps of zeros are
            padding, or `(batch, height, width, channels)`. An absent modality is all zeros or
            `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for encoders that are not those of the modalities, or make no vector.

    Example:

    >>> encoders = {"image": ResNet18(16), "audio": ResNet18(16)}
    >>> sizes = {"image": (28, 28, 1), "audio": (112, 112, 1)}
    >>> model = LateFusion(sizes, encoders, num_outputs=10)
    >>> model.predict({"image": np.ones((2, 28, 28, 1)), "audio": None}).shape   # (2, 10)
    """

    def __init__(self, modalities, encoders, num_outputs=1, **kwargs):
        # === Layers ===
        head = keras.layers.Dense(num_outputs, name="head", dtype="float32")

        # === Functional model ===
        sizes, layers, inputs, z = encode(modalities, encoders)
        fused = keras.layers.Concatenate(name="fused")(list(z.values()))
        super().__init__(inputs=inputs, outputs=head(fused), **kwargs)
        self._offer_intermediates(
            {"fused": lambda: fused} | {f"vector/{m}": lambda v=v: v for m, v in z.items()}
        )

        # === Config ===
        self.modalities = sizes
        self.encoders = layers
        self.num_outputs = num_outputs

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "encoders": encoder_configs(self.encoders),
            "num_outputs": self.num_outputs,
        }
