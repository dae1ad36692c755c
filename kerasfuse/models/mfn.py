"""MFN: the Memory Fusion Network."""

import functools

import keras
from keras import ops

from kerasfuse.layers import DeltaMemoryAttention, GatedMemory, MaskedLSTM, MaskedPooling, MLPHead
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_modalities, per_modality, word_aligned


@keras.saving.register_keras_serializable("kerasfuse")
class MFN(FusionModel):
    """Fuse aligned sequences by a memory of what changes together in the memories of their LSTMs.

        h_m, c_m = LSTM_m(X_m)                                 every modality m
        c^_t     = attention over [c_(t-1); c_t] of all m      DeltaMemoryAttention
        u_t      = gated memory of c^_t                        GatedMemory
        y        = MLP([h_m]_m, u)                             at the last real step

    The LSTMs never see the memory, so each runs in one piece, and so does the memory.

    Reference: Zadeh, Liang, Mazumder, Poria, Cambria, Morency, "Memory Fusion Network for
    Multi-view Sequential Learning", AAAI 2018. In circulating code the memory's gates also see the
    memory itself; see `GatedMemory`. A modality that is missing at a step keeps its state
    there; a step where all are missing is skipped.

    Args:
        modalities: dict of modality name to feature width; two or more.
        num_outputs: number of scores or logits.
        dim: width of each LSTM; one number, or one a modality.
        memory_dim: width of the memory u.
        attention_units: width of the hidden layer of the attention.
        memory_units: width of the hidden layers of the memory's networks.
        hidden_units: list of the widths of the hidden layers at the end.
        align_to: name of the modality, such as the words, to whose steps a `CTCAligner` aligns the
            others; `None` for sequences that share their steps.
        align_steps: the most steps that this modality has.
        align_weight: weight of the aligners' loss, averaged over them.
        attention_dropout: rate in the hidden layer of the attention.
        memory_dropout: rate in the hidden layers of the memory's networks.
        output_dropout: rate on what each hidden layer at the end reads.
        pooling: how the states of each LSTM are read at the end, a mode of `MaskedPooling`; the
            paper reads the last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, of equally many steps unless
            `align_to` is given. Steps of zeros are padding, on either side; an absent modality is
            all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, names that do not match, an `align_to` that is
            not one of them, or sequences of different lengths without it.

    Example:

    >>> model = MFN({"text": 300, "audio": 74, "vision": 35})
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 50, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=64,
        memory_dim=64,
        attention_units=64,
        memory_units=64,
        hidden_units=(64,),
        align_to=None,
        align_steps=50,
        align_weight=1.0,
        attention_dropout=0.0,
        memory_dropout=0.0,
        output_dropout=0.0,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities)
        dims = per_modality(widths, dim, "dim")

        # === Layers ===
        lstms = {m: MaskedLSTM(dims[m], name=f"{m}_lstm") for m in widths}
        attend = DeltaMemoryAttention(attention_units, attention_dropout, name="attention")
        remember = GatedMemory(memory_dim, memory_units, memory_dropout, name="memory")
        head = MLPHead(num_outputs, hidden_units, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = word_aligned(widths, align_to, align_steps, align_weight)
        any_real = functools.reduce(ops.logical_or, masks.values())
        h, c = {}, {}
        for m in widths:
            states, c[m] = lstms[m](x[m], mask=masks[m], return_cells=True)
            h[m] = MaskedPooling(pooling, name=f"{m}_last_step")(states, mask=masks[m])
        u = remember(attend(list(c.values())), mask=any_real)
        outputs = head(keras.layers.Concatenate(name="fused")([*h.values(), u]))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._offer_intermediates(
            {"memory": lambda: u} | {f"summary/{m}": lambda v=v: v for m, v in h.items()}
        )

        # === Config ===
        self.word_aligned = align_to is None
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.memory_dim = memory_dim
        self.attention_units = attention_units
        self.memory_units = memory_units
        self.hidden_units = list(hidden_units)
        self.align_to = align_to
        self.align_steps = align_steps
        self.align_weight = align_weight
        self.attention_dropout = attention_dropout
        self.memory_dropout = memory_dropout
        self.output_dropout = output_dropout
        self.pooling = pooling

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "memory_dim": self.memory_dim,
            "attention_units": self.attention_units,
            "memory_units": self.memory_units,
            "hidden_units": self.hidden_units,
            "align_to": self.align_to,
            "align_steps": self.align_steps,
            "align_weight": self.align_weight,
            "attention_dropout": self.attention_dropout,
            "memory_dropout": self.memory_dropout,
            "output_dropout": self.output_dropout,
            "pooling": self.pooling,
        }
