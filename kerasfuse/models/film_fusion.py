"""FiLMFusion: one modality scales and shifts the features of another."""

import keras
from keras import ops

from kerasfuse.models.parts.encoders import encode, encoder_configs
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_pair


@keras.saving.register_keras_serializable("kerasfuse")
class FiLMFusion(FusionModel):
    """Condition the vector of one modality on the other, feature by feature.

        [gamma; beta] = W_c z_c + b_c,     y = W (gamma o z + beta) + b

    Reference: Perez et al., "FiLM", AAAI 2018, as in AGM (Li et al., ICCV 2023), whose code is not
    public; that audio conditions vision follows the code of OGM-GE.

    Args:
        modalities: dict of modality name to feature width of a sequence, or to the shape `(height,
            width, channels)` of an image; exactly two, of any names.
        encoders: dict of modality name to the layer or model that makes a vector of it. A layer
            whose `call` has an argument `mask` gets that of the real steps of its sequence. In a
            toml file: a dict of `class`, a layer of `kerasfuse.layers`, and its arguments.
        num_outputs: number of scores or logits.
        condition: name of the modality whose vector is z_c; the first by default.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, where steps of zeros are
            padding, or `(batch, height, width, channels)`. An absent modality is all zeros or
            `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for another number of modalities than two, an unknown `condition`, and encoders
            that are not those of the modalities, or make no vector.

    Example:

    >>> encoders = {"audio": ResNet18(16), "vision": ResNet18(16)}
    >>> sizes = {"audio": (257, 188, 1), "vision": (224, 224, 3)}
    >>> model = FiLMFusion(sizes, encoders, num_outputs=6, condition="audio")
    """

    def __init__(self, modalities, encoders, num_outputs=1, condition=None, **kwargs):
        # === Functional model ===
        sizes, layers, inputs, z = encode(modalities, encoders)
        condition, other = check_pair(sizes, condition, "condition")
        width = z[other].shape[1]
        affine = keras.layers.Dense(2 * width, name="affine")(z[condition])
        gamma, beta = ops.split(affine, 2, axis=-1)
        fused = gamma * z[other] + beta
        head = keras.layers.Dense(num_outputs, name="head", dtype="float32")
        super().__init__(inputs=inputs, outputs=head(fused), **kwargs)
        self._offer_intermediates(
            {"fused": lambda: fused} | {f"vector/{m}": lambda v=v: v for m, v in z.items()}
        )

        # === Config ===
        self.modalities = sizes
        self.encoders = layers
        self.num_outputs = num_outputs
        self.condition = condition

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "encoders": encoder_configs(self.encoders),
            "num_outputs": self.num_outputs,
            "condition": self.condition,
        }
