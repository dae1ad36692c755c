"""LMF: low-rank multimodal fusion."""

import keras

from kerasfuse.layers import Dropout, LowRankFusion
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.models.parts.inputs import check_modalities, inputs_and_masks, per_modality
from kerasfuse.models.parts.utterance_networks import check_language, summarise_utterance


@keras.saving.register_keras_serializable("kerasfuse")
class LMF(FusionModel):
    """Fuse one vector of each modality by a tensor of low rank.

        z_m = network_m(X_m)                                    as in `TFN`
        y   = sum_r w_r prod_m F_m^r [z_m; 1] + b               LowRankFusion

    Reference: Liu, Shen, Lakshminarasimhan, Liang, Zadeh, Morency, "Efficient Low-rank Multimodal
    Fusion with Modality-Specific Factors", ACL 2018, section 3. As in the paper, the fusion
    gives the prediction itself, with no layer after it.

    Args:
        modalities: dict of modality name to feature width; one or more.
        num_outputs: number of scores or logits.
        dim: width of each vector z_m; one number, or one a modality.
        rank: terms of the fusion tensor.
        language: name of the modality that an LSTM reads, by default the first.
        pooling: what the others are summarised by, `"mean"` (the paper), or `"last"` where the
            steps are whole utterances of which the last is judged; or `"attention"`.
        language_pooling: how the states of the LSTM are read, a mode of `MaskedPooling`; the paper
            reads the last real step.
        input_dropout: rate on the LSTM's state and on the means.
        output_dropout: rate on the vectors z_m.

    Call arguments:
        inputs: dict of modality name to array `(batch, steps, width)`. Steps of zeros are padding,
            on either side; an absent modality is all zeros or `None`.

    Returns:
        Tensor `(batch, num_outputs)`, raw scores, float32.

    Raises:
        ValueError: for no modalities, names that do not match, an unknown pooling, or a
            rank below 1.

    Example:

    >>> model = LMF({"text": 300, "audio": 74, "vision": 35}, rank=4)
    >>> batch = {"text": np.ones((2, 50, 300)), "audio": np.ones((2, 500, 74)), "vision": None}
    >>> model.predict(batch).shape   # (2, 1)
    """

    def __init__(
        self,
        modalities,
        num_outputs=1,
        dim=32,
        rank=4,
        language=None,
        pooling="mean",
        language_pooling="last",
        input_dropout=0.0,
        output_dropout=0.0,
        **kwargs,
    ):
        widths = check_modalities(modalities, least=1)
        dims = per_modality(widths, dim, "dim")
        spoken = check_language(widths, language)

        # === Layers ===
        drops = {m: Dropout(output_dropout, name=f"{m}_output_dropout") for m in widths}
        fuse = LowRankFusion(num_outputs, rank, dtype="float32", name="fusion")

        # === Functional model ===
        inputs, x, masks = inputs_and_masks(widths)
        z = {
            m: summarise_utterance(
                x[m], masks[m], m, dims[m], m == spoken, pooling, language_pooling, input_dropout
            )
            for m in widths
        }
        y = fuse([drops[m](z[m]) for m in widths])
        super().__init__(inputs=inputs, outputs=y, **kwargs)
        self._offer_intermediates({f"summary/{m}": lambda v=v: v for m, v in z.items()})

        # === Config ===
        self.modalities = widths
        self.num_outputs = num_outputs
        self.dim = dim
        self.rank = rank
        self.language = language
        self.pooling = pooling
        self.language_pooling = language_pooling
        self.input_dropout = input_dropout
        self.output_dropout = output_dropout

    def get_config(self):
        return {
            "name": self.name,
            "modalities": self.modalities,
            "num_outputs": self.num_outputs,
            "dim": self.dim,
            "rank": self.rank,
            "language": self.language,
            "pooling": self.pooling,
            "language_pooling": self.language_pooling,
            "input_dropout": self.input_dropout,
            "output_dropout": self.output_dropout,
        }
