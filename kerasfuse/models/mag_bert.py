"""MAGBERT: a BERT whose words are shifted by what was heard and seen with them."""

import keras
from keras import ops

from kerasfuse.layers import (
    AdaptedTextEncoder,
    Dropout,
    LeftJustify,
    MaskedPooling,
    MultimodalAdaptationGate,
    ShiftedTextEncoder,
)
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import word_aligned
from kerasfuse.models.parts.text_encoder import adapter_table, with_token_ids


@keras.saving.register_keras_serializable("kerasfuse")
class MAGBERT(FusionModel):
    """Fuse audio and vision into a pre-trained BERT by a Multimodal Adaptation Gate.

        Z  = the first layers of BERT, of token ids
        Z' = MAG(Z, [X_m]_m)                             every other modality m, aligned with tokens
        y  = W dropout(pooled [CLS] of the other layers of Z') + b

    Reference: Rahman, Hasan, Lee, Zadeh, Mao, Morency, Hoque, "Integrating Multimodal Information
    in Large Pretrained Transformers", ACL 2020, section 3. `num_layers_before=0`, after the
    embeddings, is what the authors' code does; the paper finds the first layers best. Their code
    leaves samples labelled 0 out of MAE and correlation and takes the epoch that is best on the
    test set, so its published figures cannot be compared with others.

    The BERT is handed in, pre-trained or random; it becomes part of the model and is trained with
    it, usually at a learning rate near 1e-5. `pip install 'kerasfuse-zoo[text]'` brings keras-hub,
    which has one. Its tokenizer must use 0 for padding, as BERT's do. With an `AdaptedTextEncoder`
    in its place the BERT stays frozen and low-rank adapters are trained; y is then made from the
    mean of Z' over the tokens.

    Args:
        modalities: dict of modality name to feature width, and of exactly one name to `None`: the
            token ids.
        backbone: a `keras_hub.models.BertBackbone`, an `AdaptedTextEncoder`, or the arguments of
            one as a dict with `class="AdaptedTextEncoder"`.
        num_outputs: number of scores or logits.
        num_layers_before: layers of BERT that see words alone.
        beta: largest length of a shift, as a share of the length of what is shifted.
        align_to: name of the token ids, to whose steps a `CTCAligner` then brings the others;
            `None` for sequences that are aligned.
        align_steps: the most tokens.
        align_weight: weight of the aligners' loss, averaged over them.
        gate_dropout: rate on the output of the gate.
        output_dropout: rate on the pooled vector.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, for the token ids integers
            `(batch, steps)`, of equally many steps unless `align_to` is given. Ids of 0 and steps
            of zeros are padding, on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for no or several modalities of token ids, no other one, a backbone that is not
            a BERT, more layers than it has, or sequences of different lengths without `align_to`.

    Example:

    >>> import keras_hub
    >>> bert = keras_hub.models.BertBackbone.from_preset("bert_base_en_uncased")
    >>> model = MAGBERT({"text": None, "audio": 74, "vision": 35}, bert)
    >>> ids = np.array([[101, 2307, 3185, 102]])
    >>> batch = {"text": ids, "audio": np.ones((1, 4, 74)), "vision": None}
    >>> model.predict(batch).shape   # (1, 1)
    """

    def __init__(
        self,
        modalities,
        backbone,
        num_outputs=1,
        num_layers_before=0,
        beta=1.0,
        align_to=None,
        align_steps=50,
        align_weight=1.0,
        gate_dropout=0.5,
        output_dropout=0.1,
        **kwargs,
    ):
        if isinstance(_as_table(backbone), dict):
            modalities, _ = with_token_ids(modalities)
        widths, words = _check_modalities(modalities)
        gate = {"beta": beta, "gate_dropout": gate_dropout}
        adapted = _adapted(backbone, num_layers_before=num_layers_before, **gate)
        if not adapted:
            _check_backbone(backbone, num_layers_before)

        # === Layers ===
        drop = Dropout(output_dropout, name="output_dropout")
        scores = keras.layers.Dense(num_outputs, dtype="float32", name="scores")

        # === Functional model ===
        inputs, x, masks = word_aligned(widths, align_to, align_steps, align_weight)
        if adapted:
            ids = x.pop(words)
            z, real = adapted(ids, sources=list(x.values()))
            pooled = MaskedPooling("mean", name="mean")(z, mask=real)
        else:
            shift = MultimodalAdaptationGate(beta, gate_dropout, name="gate")
            z = _shifted(backbone, shift, num_layers_before, x, masks, words)
            pooled = backbone.pooled_dense(z[:, 0])
        y = scores(drop(pooled))
        super().__init__(inputs=inputs, outputs=y, **kwargs)
        self._offer_intermediates({"sequence": lambda: z})

        # === Config ===
        self.word_aligned = align_to is None
        self.modalities = widths
        self.backbone = _as_table(backbone)
        self.num_outputs = num_outputs
        self.num_layers_before = num_layers_before
        self.beta = beta
        self.align_to = align_to
        self.align_steps = align_steps
        self.align_weight = align_weight
        self.gate_dropout = gate_dropout
        self.output_dropout = output_dropout

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "backbone": self.backbone
            if isinstance(self.backbone, dict)
            else keras.saving.serialize_keras_object(self.backbone),
            "num_outputs": self.num_outputs,
            "num_layers_before": self.num_layers_before,
            "beta": self.beta,
            "align_to": self.align_to,
            "align_steps": self.align_steps,
            "align_weight": self.align_weight,
            "gate_dropout": self.gate_dropout,
            "output_dropout": self.output_dropout,
        }

    @classmethod
    def from_config(cls, config):
        backbone = config["backbone"]
        if "class" not in backbone:
            backbone = keras.saving.deserialize_keras_object(backbone)
        return cls(**{**config, "backbone": backbone})


def _as_table(backbone):
    """Return an adapted encoder as a dict that toml can hold, and a BERT as it is."""
    return adapter_table(backbone) if isinstance(backbone, AdaptedTextEncoder) else backbone


def _adapted(backbone, **gate):
    """Return an adapted encoder with a gate in it, or `None` for a BERT."""
    table = _as_table(backbone)
    if not isinstance(table, dict):
        return None
    arguments = {key: value for key, value in table.items() if key != "class"}
    return ShiftedTextEncoder(name="text_encoder", **gate, **arguments)


def _shifted(backbone, shift, num_layers_before, x, masks, words):
    """Return the sequence that a BERT makes of ids, the words shifted before one of its layers."""
    # BERT counts positions from the start of the array and reads its first step.
    x = {m: LeftJustify(name=f"{m}_left")(x[m], mask=masks[words]) for m in x}
    ids = x.pop(words)
    real = ops.cast(ops.not_equal(ids, 0), "int32")
    tokens = backbone.token_embedding(ids)
    z = backbone.embeddings_add(
        (tokens, backbone.position_embedding(tokens), backbone.segment_embedding(0 * ids))
    )
    z = backbone.embeddings_dropout(backbone.embeddings_layer_norm(z))
    for index, layer in enumerate(backbone.transformer_layers):
        if index == num_layers_before:
            z = shift(z, sources=list(x.values()))
        z = layer(z, padding_mask=real)
    if num_layers_before == len(backbone.transformer_layers):
        z = shift(z, sources=list(x.values()))
    return z


def _check_modalities(modalities):
    """Return the modalities as a dict, and the name of the one of token ids."""
    widths = dict(modalities)
    words = [m for m, width in widths.items() if width is None]
    others = [width for width in widths.values() if width is not None]
    if len(words) != 1 or not others or not all(isinstance(w, int) and w > 0 for w in others):
        raise ValueError(
            "expected `modalities` to map one name, the token ids, to None and the others to "
            f"feature widths, such as {{'text': None, 'audio': 74}}. Received: {modalities!r}"
        )
    return widths, words[0]


def _check_backbone(backbone, num_layers_before):
    parts = ("token_embedding", "position_embedding", "segment_embedding", "pooled_dense")
    if not all(hasattr(backbone, part) for part in parts):
        raise ValueError(
            "expected `backbone` to be a keras_hub.models.BertBackbone; keras-hub comes with "
            f"pip install 'kerasfuse-zoo[text]'. Received: backbone={backbone!r}"
        )
    layers = len(backbone.transformer_layers)
    if num_layers_before not in range(layers + 1):
        raise ValueError(
            f"expected `num_layers_before` to be from 0 to {layers}, the layers of the backbone. "
            f"Received: num_layers_before={num_layers_before!r}"
        )
