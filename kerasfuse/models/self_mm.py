"""SelfMM: unimodal tasks whose labels are made while training."""

import contextlib

import keras

from kerasfuse.layers import Dropout, MaskedLSTM, MaskedPooling, UnimodalLabels
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_averaged,
    check_modalities,
    inputs_and_masks,
    per_modality,
)
from kerasfuse.models.parts.text_encoder import (
    encode_text,
    make_text_encoder,
    with_token_ids,
)


@keras.saving.register_keras_serializable("kerasfuse")
class SelfMM(FusionModel):
    """Regress a label from all modalities, and from each one a label made during training.

        h_m = W_m LSTM(X_m) at its last real step, or the mean of X_m     every modality m
        F_m = relu(dropout(h_m) U_m),   F = relu(dropout([h_m]_m) U)
        y^_m = V'_m relu(V_m F_m),      y^ = V' relu(V F)
        L   = L_p + sum_m mean tanh |y_m - y| |y^_m - y_m|

    y_m starts as y and moves away from it as far as F_m lies otherwise between the positive and the
    negative samples than F does, from the second epoch on and after the loss of each step, so that
    the last sum is 0 for two epochs. See `UnimodalLabels`, which keeps the labels y_m and the
    features of all training samples among the model's variables that are not trained.

    It must know which samples a batch holds: `fit` asks `kerasfuse.datasets.Batches` for it; with
    other data, add an entry `sample_number` to the inputs, integers `(batch,)` from 0. Without it
    y_m = y, and the last sum is 0. Predictions do not depend on it.

    Reference: Yu, Xu, Yuan, Wu, "Learning Modality-Specific Representations with Self-Supervised
    Multi-Task Learning for Multimodal Sentiment Analysis" (Self-MM), AAAI 2021, section 3. There
    text is the first vector of a BERT; here it is encoded like the rest, or averaged, and with a
    `text_encoder` averaged over what that makes of token ids. For regression only, with labels
    around 0: train with `loss="mae"`, the paper's L_p.

    Args:
        modalities: dict of modality name to feature width, and with a `text_encoder` of one name to
            `None`, the token ids, `"text"` by default; two or more.
        num_samples: number of training samples, or more.
        num_outputs: 1.
        lstm_units: width of each LSTM; one number, or one a modality.
        dim: width of F; one number for all modalities together.
        unimodal_dim: width of h_m and F_m; one number, or one a modality.
        averaged: list of the modalities that are averaged over their steps, without an LSTM.
        limit: the largest magnitude of a label.
        fusion_dropout: rate on [h_m]_m.
        unimodal_dropout: rate on each h_m where its own task reads it.
        pooling: how the states of each LSTM are read at the end, a mode of `MaskedPooling`; the
            paper reads the last real step.
        text_encoder: a keras-hub text backbone or an `AdaptedTextEncoder`, or its hyper-parameters
            as a dict with its `class`.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`, perhaps `sample_number`.
            Steps of zeros are padding, on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, 1)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, names that do not match, more than one output, a
            number of samples that is not positive, or more training samples than that.

    Example:

    >>> model = SelfMM({"text": 300, "audio": 5, "vision": 20}, num_samples=1284)
    >>> model.compile("adam", "mae")
    >>> model.fit(kerasfuse.datasets.load("mosi", split="train"))   # loss, unimodal
    """

    def __init__(
        self,
        modalities,
        num_samples,
        num_outputs=1,
        lstm_units=32,
        dim=128,
        unimodal_dim=32,
        averaged=(),
        limit=3.0,
        fusion_dropout=0.0,
        unimodal_dropout=0.0,
        pooling="last",
        text_encoder=None,
        **kwargs,
    ):
        words = []
        if text_encoder is not None:
            modalities, words = with_token_ids(modalities)
        widths = check_modalities(modalities, ids=words)
        if num_outputs != 1:
            raise ValueError(
                "expected num_outputs=1: the labels that SelfMM makes up are real numbers. "
                f"Received: num_outputs={num_outputs!r}"
            )
        units = per_modality(widths, lstm_units, "lstm_units")
        dims = per_modality(widths, unimodal_dim, "unimodal_dim")
        check_averaged(widths, averaged)
        encoder, hyperparameters = None, None
        if text_encoder is not None:
            encoder, hyperparameters = make_text_encoder(text_encoder)

        # === Layers ===
        def dense(units, name, activation="relu", **options):
            return keras.layers.Dense(units, activation=activation, name=name, **options)

        def scores(name, x, units):
            return dense(1, f"{name}_scores", None, dtype="float32")(
                dense(units, f"{name}_hidden")(x)
            )

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        for m in words:
            x[m], masks[m] = encode_text(encoder, x[m], masks[m])
        h = {}
        for m in widths:
            if m in averaged or m in words:
                h[m] = MaskedPooling("mean", name=f"{m}_pooling")(x[m], mask=masks[m])
            else:
                states = MaskedLSTM(units[m], name=f"{m}_lstm")(x[m], mask=masks[m])
                last = MaskedPooling(pooling, name=f"{m}_last_step")(states, mask=masks[m])
                h[m] = dense(dims[m], f"{m}_encoding", None)(last)
        together = keras.layers.Concatenate(name="together")(list(h.values()))
        fused = dense(dim, "fused")(Dropout(fusion_dropout, name="fusion_dropout")(together))
        features = {
            m: dense(dims[m], f"{m}_feature")(Dropout(unimodal_dropout, name=f"{m}_dropout")(h[m]))
            for m in widths
        }
        y = scores("fusion", fused, dim)
        alone = {m: scores(m, features[m], dims[m]) for m in widths}
        y = UnimodalLabels(num_samples, limit, name="labels")(
            y, features=[fused, *features.values()], scores=list(alone.values())
        )
        super().__init__(inputs=inputs, outputs=y, **kwargs)
        self._offer_intermediates(
            {"feature/all": lambda: fused}
            | {f"feature/{m}": lambda v=v: v for m, v in features.items()}
            | {f"score/{m}": lambda v=v: v for m, v in alone.items()}
        )

        # === Config ===
        self.modalities = widths
        self.num_samples = num_samples
        self.num_outputs = num_outputs
        self.lstm_units = lstm_units
        self.dim = dim
        self.unimodal_dim = unimodal_dim
        self.averaged = list(averaged)
        self.limit = limit
        self.fusion_dropout = fusion_dropout
        self.unimodal_dropout = unimodal_dropout
        self.pooling = pooling
        self.text_encoder = hyperparameters

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_samples": self.num_samples,
            "num_outputs": self.num_outputs,
            "lstm_units": self.lstm_units,
            "dim": self.dim,
            "unimodal_dim": self.unimodal_dim,
            "averaged": self.averaged,
            "limit": self.limit,
            "fusion_dropout": self.fusion_dropout,
            "unimodal_dropout": self.unimodal_dropout,
            "pooling": self.pooling,
            "text_encoder": self.text_encoder,
        }

    @contextlib.contextmanager
    def numbering(self, data):
        """Let batches number their samples while the model trains on them.

        Args:
            data: `kerasfuse.datasets.Batches`; anything else stays as it is.

        Raises:
            ValueError: for more samples than the model keeps labels of.
        """
        if not hasattr(data, "numbered"):
            yield
            return
        if data.num_samples > self.num_samples:
            raise ValueError(
                f"expected at most {self.num_samples} training samples, as the model keeps a label "
                f"of each. Received: {data.num_samples}. Build it with "
                f"num_samples={data.num_samples}."
            )
        numbered, data.numbered = data.numbered, True
        try:
            yield
        finally:
            data.numbered = numbered

    def fit(self, x=None, *args, **kwargs):
        with self.numbering(x):
            return super().fit(x, *args, **kwargs)

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(_without_numbers(inputs), *args, **kwargs)

    def call(self, inputs, training=None, mask=None):
        return super().call(_without_numbers(inputs), training=training, mask=mask)


def _without_numbers(inputs):
    if not isinstance(inputs, dict):
        return inputs
    return {name: x for name, x in inputs.items() if name != "sample_number"}
