"""LFLSTM: an LSTM for each modality, and a network over their last states."""

import keras

from kerasfuse.layers import MaskedLSTM, MaskedPooling, MLPHead
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_layers,
    check_modalities,
    inputs_and_masks,
    per_modality,
)


@keras.saving.register_keras_serializable("kerasfuse")
class LFLSTM(FusionModel):
    """Fuse sequences late: encode each by itself, then put the last states together.

        h_m = LSTM_m(X_m) at its last real step        every modality m
        y   = MLP([h_m]_m)

    Reference: the row LF-LSTM of Tsai et al., MulT, ACL 2019, which HCT-MG repeats with 1.24 M
    parameters. No paper gives its sizes: the defaults, LSTMs of 256 and two hidden layers of 128,
    have 1,237,377 at the widths of CMU-MOSI (300, 5 and 20).

    Args:
        modalities: dict of modality name to feature width; one or more.
        num_outputs: number of scores or logits.
        dim: width of each LSTM; one number, or one a modality.
        num_layers: layers of each LSTM.
        hidden_units: list of the widths of the hidden layers after them.
        output_dropout: rate on what each hidden layer reads.
        pooling: how the states of each LSTM are read at the end, a mode of `MaskedPooling`; the
            paper reads the last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for no modalities, names that do not match, or no layers.

    Example:

    >>> model = LFLSTM({"text": 300, "audio": 5, "vision": 20})
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 375, 5)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=256,
        num_layers=1,
        hidden_units=(128, 128),
        output_dropout=0.0,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities, least=1)
        check_layers(num_layers)
        dims = per_modality(widths, dim, "dim")

        # === Layers ===
        lstms = {m: MaskedLSTM(dims[m], num_layers, name=f"{m}_lstm") for m in widths}
        head = MLPHead(num_outputs, hidden_units, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        h = {}
        for m in widths:
            states = lstms[m](x[m], mask=masks[m])
            h[m] = MaskedPooling(pooling, name=f"{m}_last_step")(states, mask=masks[m])
        outputs = head(keras.layers.Concatenate(name="fused")(list(h.values())))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._offer_intermediates({f"summary/{m}": lambda v=v: v for m, v in h.items()})

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.num_layers = num_layers
        self.hidden_units = list(hidden_units)
        self.output_dropout = output_dropout
        self.pooling = pooling

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "num_layers": self.num_layers,
            "hidden_units": self.hidden_units,
            "output_dropout": self.output_dropout,
            "pooling": self.pooling,
        }
