"""TFN: the Tensor Fusion Network."""

import keras

from kerasfuse.layers import MLPHead, TensorFusion
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_modalities, inputs_and_masks, per_modality
from kerasfuse.models.parts.utterance_networks import bound, check_language, summarise_utterance


@keras.saving.register_keras_serializable("kerasfuse")
class TFN(FusionModel):
    """Fuse one vector of each modality by the outer product of all of them.

        z_m = network_m(X_m)                    an LSTM for language, layers on the mean of others
        Z   = [z_1; 1] x ... x [z_M; 1]         TensorFusion
        y   = MLP(Z)

    The product has prod_m (d_m + 1) entries, and the next layer has as many weights for each of its
    units: 4.6 million for 33^3 entries and 128 units.

    Reference: Zadeh, Chen, Poria, Cambria, Morency, "Tensor Fusion Network for Multimodal Sentiment
    Analysis", EMNLP 2017, sections 4.1 to 4.3. Language is encoded by an LSTM, of which we read the
    last real step; the batch normalization is that of the authors' code. For sentiment the paper
    bounds the output, `output_range=(-3, 3)`; here scores are raw by default, as of all models.

    Args:
        modalities: dict of modality name to feature width; one or more.
        num_outputs: number of scores or logits.
        dim: width of each vector z_m; one number, or one a modality (the paper: 128, 32, 32).
        hidden_units: list of the widths of the hidden layers after the product.
        language: name of the modality that the LSTM reads, by default the first.
        pooling: what the others are summarised by, `"mean"` (the paper), or `"last"` where the
            steps are whole utterances of which the last is judged; or `"attention"`.
        language_pooling: how the states of the LSTM are read, a mode of `MaskedPooling`; the paper
            reads the last real step.
        output_range: pair of numbers between which outputs lie, or `None`.
        input_dropout: rate on the LSTM's state and on the means.
        output_dropout: rate on what each hidden layer after the product reads.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores or within `output_range`, float32.

    Raises:
        ValueError: for no modalities, names that do not match, or an unknown pooling.

    Example:

    >>> model = TFN({"text": 300, "audio": 74, "vision": 35}, output_range=(-3, 3))
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=32,
        hidden_units=(128, 128),
        language=None,
        pooling="mean",
        language_pooling="last",
        output_range=None,
        input_dropout=0.0,
        output_dropout=0.0,
        **kwargs,
    ):
        widths = check_modalities(modalities, least=1)
        dims = per_modality(widths, dim, "dim")
        spoken = check_language(widths, language)

        # === Layers ===
        fuse = TensorFusion(name="fusion")
        head = MLPHead(num_outputs, hidden_units, output_dropout, name="head")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        z = {
            m: summarise_utterance(
                x[m], masks[m], m, dims[m], m == spoken, pooling, language_pooling, input_dropout
            )
            for m in widths
        }
        fused = fuse(list(z.values()))
        super().__init__(inputs=inputs, outputs=bound(head(fused), output_range), **kwargs)
        self._offer_intermediates(
            {"fused": lambda: fused} | {f"summary/{m}": lambda v=v: v for m, v in z.items()}
        )

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.hidden_units = list(hidden_units)
        self.language = language
        self.pooling = pooling
        self.language_pooling = language_pooling
        self.output_range = output_range
        self.input_dropout = input_dropout
        self.output_dropout = output_dropout

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "hidden_units": self.hidden_units,
            "language": self.language,
            "pooling": self.pooling,
            "language_pooling": self.language_pooling,
            "output_range": self.output_range,
            "input_dropout": self.input_dropout,
            "output_dropout": self.output_dropout,
        }
