"""EarlyFusion: modalities that meet before a nonlinear network."""

import keras

from kerasfuse.deprecation import dropped_arguments
from kerasfuse.layers import Dropout, MaxOut
from kerasfuse.models.parts.encoders import encode, encoder_configs
from kerasfuse.models.parts.fusion_model import FusionModel


@dropped_arguments(pieces=2)
@keras.saving.register_keras_serializable("kerasfuse")
class EarlyFusion(FusionModel):
    """Concatenate one vector a modality, and predict by a MaxOut network.

        h^0 = BN([z_1; ...; z_K]),   h^(l+1) = dropout(BN(maxout_l(h^l))),   y = W h^L + b

    Reference: early fusion of AV-MNIST in AGM (Li et al., ICCV 2023), by its public code: layers of
    2048 and 1024 units, two pieces each, batch norm with epsilon 1e-4, dropout 0.3.

    Args:
        modalities: dict of modality name to feature width of a sequence, or to the shape `(height,
            width, channels)` of an image; one or more, of any names.
        encoders: dict of modality name to the layer or model that makes a vector of it. A layer
            whose `call` has an argument `mask` gets that of the real steps of its sequence. In a
            toml file: a dict of `class`, a layer of `kerasfuse.layers`, and its arguments.
        num_outputs: number of scores or logits.
        units: widths of the MaxOut layers.
        dropout: rate after each layer.

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
    >>> model = EarlyFusion(sizes, encoders, num_outputs=10)
    >>> model.predict({"image": np.ones((2, 28, 28, 1)), "audio": None}).shape   # (2, 10)
    """

    def __init__(
        self,
        modalities,
        encoders,
        num_outputs=1,
        units=(2048, 1024),
        dropout=0.3,
        **kwargs,
    ):
        # === Layers ===
        def norm(name):
            return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-4, name=name)

        first = norm("norm")
        blocks = [
            (MaxOut(n, name=f"maxout_{i}"), norm(f"norm_{i}"), Dropout(dropout))
            for i, n in enumerate(units)
        ]
        head = keras.layers.Dense(num_outputs, name="head", dtype="float32")

        # === Functional model ===
        sizes, layers, inputs, z = encode(modalities, encoders)
        h = first(keras.layers.Concatenate(name="fused")(list(z.values())))
        for maxout, normalise, drop in blocks:
            h = drop(normalise(maxout(h)))
        super().__init__(inputs=inputs, outputs=head(h), **kwargs)
        self._offer_intermediates(
            {"fused": lambda: h} | {f"vector/{m}": lambda v=v: v for m, v in z.items()}
        )

        # === Config ===
        self.modalities = sizes
        self.encoders = layers
        self.num_outputs = num_outputs
        self.units = list(units)
        self.dropout = dropout

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "encoders": encoder_configs(self.encoders),
            "num_outputs": self.num_outputs,
            "units": self.units,
            "dropout": self.dropout,
        }
