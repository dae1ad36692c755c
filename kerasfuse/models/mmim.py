"""MMIM: keep in the fused vector what the modalities tell of each other."""

import keras

from kerasfuse.layers import (
    BidirectionalLSTM,
    ClassEntropy,
    ContrastivePrediction,
    Dropout,
    GaussianLikelihood,
    MaskedPooling,
)
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import (
    check_averaged,
    check_modalities,
    inputs_and_masks,
    per_modality,
)


@keras.saving.register_keras_serializable("kerasfuse")
class MMIM(FusionModel):
    """Fuse vectors by MultiModal InfoMax, which keeps their mutual information high.

        h_m = W_m (ends of BiLSTM(X_m)), or the mean of X_m               every modality m
        z   = tanh(V_2 tanh(V_1 dropout([h_m]_m))),   y = V_3 z
        L   = L_p + a sum_m NCE(h_m, z) - b sum_(m != main) (log q(h_m | h_main) + H(h_m))

    The last sum bounds the information between the main modality, text, and each of the others
    from below (`GaussianLikelihood`, `ClassEntropy`). The first sum asks z to predict which h_m is
    of the same sample (`ContrastivePrediction`). All three exist in training only. H needs two
    classes of labels; a class with fewer than two samples in batch and memory adds nothing.

    Reference: Han, Chen, Poria, "Improving Multimodal Fusion with Hierarchical Mutual Information
    Maximization for Multimodal Sentiment Analysis", EMNLP 2021, section 3. The first vector of a
    BERT is the paper's text; here text is encoded like the rest, or averaged. The networks of q
    learn in every step, not in an epoch of their own. The public code differs from the paper, and
    so from this, in four places: log q has no term of the log-variance, the networks of q have
    ReLUs, H sees a projection to a quarter of the width, and the memory holds whole batches.

    Args:
        modalities: dict of modality name to feature width; two or more.
        num_outputs: number of scores or logits.
        lstm_units: width of each LSTM; one number, or one a modality.
        encoding_dim: width of h_m of those that LSTMs read; one number, or one a modality.
        dim: width of z.
        main: name of the main modality, by default the first.
        averaged: list of the modalities that are averaged over their steps, without LSTMs.
        likelihood: weight b of log q; 0 switches it off.
        entropy: weight b of H; 0 switches it off.
        contrastive: weight a; 0 switches it off.
        boundary: label between the two classes of H.
        memory_size: number of earlier samples that H takes in besides the batch.
        input_dropout: rate on the last states of the LSTMs.
        fusion_dropout: rate on [h_m]_m.
        pooling: how the states of each LSTM are read at the end, a mode of `MaskedPooling`; the
            paper reads the last real step.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for fewer than two modalities, names that do not match, or an entropy of more
            than one output.

    Example:

    >>> model = MMIM({"text": 300, "audio": 74, "vision": 35})
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        lstm_units=32,
        encoding_dim=32,
        dim=128,
        main=None,
        averaged=(),
        likelihood=0.1,
        entropy=0.1,
        contrastive=0.1,
        boundary=0.0,
        memory_size=64,
        input_dropout=0.0,
        fusion_dropout=0.0,
        pooling="last",
        **kwargs,
    ):
        widths = check_modalities(modalities)
        units = per_modality(widths, lstm_units, "lstm_units")
        dims = per_modality(widths, encoding_dim, "encoding_dim")
        check_averaged(widths, averaged)
        first = _main_modality(widths, main)
        if entropy and num_outputs != 1:
            raise ValueError(
                "expected entropy=0 with several outputs: its two classes are labels above and "
                f"below a boundary. Received: entropy={entropy}, num_outputs={num_outputs}"
            )

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        h = {}
        for m in widths:
            if m in averaged:
                h[m] = MaskedPooling("mean", name=f"{m}_pooling")(x[m], mask=masks[m])
                continue
            _, ends = BidirectionalLSTM(units[m], pooling, name=f"{m}_lstm")(x[m], mask=masks[m])
            ends = Dropout(input_dropout, name=f"{m}_dropout")(ends)
            h[m] = keras.layers.Dense(dims[m], name=f"{m}_encoding")(ends)
        z = keras.layers.Concatenate(name="together")(list(h.values()))
        z = Dropout(fusion_dropout, name="fusion_dropout")(z)
        for index in range(2):
            z = keras.layers.Dense(dim, activation="tanh", name=f"fusion_{index}")(z)
        y = keras.layers.Dense(num_outputs, dtype="float32", name="scores")(z)
        for m in widths:
            if contrastive:
                y = ContrastivePrediction(contrastive, name=f"{m}_contrastive")(y, x=h[m], z=z)
            if likelihood and m != first:
                tell = GaussianLikelihood(dims[m], likelihood, name=f"{m}_likelihood")
                y = tell(y, x=h[first], y=h[m])
            if entropy and m != first:
                spread = ClassEntropy(
                    h[m].shape[-1], entropy, boundary, memory_size, name=f"{m}_entropy"
                )
                y = spread(y, x=h[m])
        super().__init__(inputs=inputs, outputs=y, **kwargs)
        self._offer_intermediates(
            {"fused": lambda: z} | {f"summary/{m}": lambda v=v: v for m, v in h.items()}
        )

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.lstm_units = lstm_units
        self.encoding_dim = encoding_dim
        self.dim = dim
        self.main = main
        self.averaged = list(averaged)
        self.likelihood = likelihood
        self.entropy = entropy
        self.contrastive = contrastive
        self.boundary = boundary
        self.memory_size = memory_size
        self.input_dropout = input_dropout
        self.fusion_dropout = fusion_dropout
        self.pooling = pooling

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "lstm_units": self.lstm_units,
            "encoding_dim": self.encoding_dim,
            "dim": self.dim,
            "main": self.main,
            "averaged": self.averaged,
            "likelihood": self.likelihood,
            "entropy": self.entropy,
            "contrastive": self.contrastive,
            "boundary": self.boundary,
            "memory_size": self.memory_size,
            "input_dropout": self.input_dropout,
            "fusion_dropout": self.fusion_dropout,
            "pooling": self.pooling,
        }


def _main_modality(modalities, main):
    if main is None:
        return next(iter(modalities))
    if main not in modalities:
        raise ValueError(f"expected `main` to be one of {list(modalities)}. Received: {main!r}")
    return main
