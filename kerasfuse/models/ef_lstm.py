"""EFLSTM: one LSTM over what all modalities show at each step."""

import functools

import keras
from keras import ops

from kerasfuse.layers import MaskedLSTM, MaskedPooling, MLPHead
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_layers, check_modalities, word_aligned


@keras.saving.register_keras_serializable("kerasfuse")
class EFLSTM(FusionModel):
    """Fuse aligned sequences early: concatenate their features, then encode them together.

        X_t = [X_m,t]_m                   every step t, all modalities m
        h   = LSTM(X) at its last real step
        y   = MLP(h)

    Reference: the row EF-LSTM of Tsai et al., MulT, ACL 2019, and, with `align_to`, its row
    `CTC + EF-LSTM`. The papers say no more than the above; the MMSA toolkit normalises each step
    over the batch first, which is not part of the method. A modality that is missing at a step is
    zeros there; a step where all are missing is skipped.

    Args:
        modalities: dict of modality name to feature width; one or more.
        num_outputs: number of scores or logits.
        dim: width of the LSTM.
        num_layers: layers of the LSTM.
        hidden_units: list of the widths of the hidden layers after it.
        align_to: name of the modality, such as the words, to whose steps a `CTCAligner` aligns the
            others; `None` for sequences that share their steps.
        align_steps: the most steps that this modality has.
        align_weight: weight of the aligners' loss, averaged over them.
        output_dropout: rate on what each hidden layer reads.
        pooling: how the states of the LSTM are read at the end, a mode of `MaskedPooling`; the
            paper reads the last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, of equally many steps unless
            `align_to` is given. Steps of zeros are padding, on either side; an absent modality is
            all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for no modalities, no layers, an `align_to` that is not one of them,
            or sequences of different lengths without it.

    Example:

    >>> model = EFLSTM({"text": 300, "audio": 74, "vision": 35})
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 50, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=128,
        num_layers=1,
        hidden_units=(64,),
        align_to=None,
        align_steps=50,
        align_weight=1.0,
        output_dropout=0.0,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities, least=1)
        check_layers(num_layers)

        # === Layers ===
        lstm = MaskedLSTM(dim, num_layers, name="lstm")
        head = MLPHead(num_outputs, hidden_units, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = word_aligned(widths, align_to, align_steps, align_weight)
        any_real = functools.reduce(ops.logical_or, masks.values())
        together = keras.layers.Concatenate(name="early")(list(x.values()))
        h = MaskedPooling(pooling, name="last_step")(lstm(together, mask=any_real), mask=any_real)
        super().__init__(inputs=inputs, outputs=head(h), **kwargs)
        self._offer_intermediates({"fused": lambda: h})

        # === Config ===
        self.word_aligned = align_to is None
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.num_layers = num_layers
        self.hidden_units = list(hidden_units)
        self.align_to = align_to
        self.align_steps = align_steps
        self.align_weight = align_weight
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
            "align_to": self.align_to,
            "align_steps": self.align_steps,
            "align_weight": self.align_weight,
            "output_dropout": self.output_dropout,
            "pooling": self.pooling,
        }
