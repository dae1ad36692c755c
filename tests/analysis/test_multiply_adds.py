"""Multiply-adds against counts by hand."""

import keras
import pytest

from kerasfuse import models
from kerasfuse.analysis import multiply_adds
from kerasfuse.models import EFLSTM, LFLSTM, LMF, TFN, MulT
from kerasfuse.models.parts.fusion_model import FusionModel

TWO = {"text": 6, "audio": 4}
STEPS = {"text": 5, "audio": 9}


class Wrapped(FusionModel):
    """A model of one layer over the text."""

    def __init__(self, layer, **kwargs):
        inputs = {m: keras.Input((None, width), name=m) for m, width in TWO.items()}
        super().__init__(inputs=inputs, outputs=layer(inputs["text"]), **kwargs)
        self.modalities = TWO


@pytest.mark.parametrize(
    "layer, count",
    [
        (keras.layers.Dense(3), 5 * 6 * 3),
        (keras.layers.EinsumDense("...d,dhe->...he", output_shape=(2, 3)), 5 * 6 * 2 * 3),
        (keras.layers.EinsumDense("btd,dh->bth", output_shape=(None, 3)), 5 * 6 * 3),
        (keras.layers.Conv1D(3, 2), 4 * 2 * 6 * 3),
        (keras.layers.Conv1D(4, 3, padding="same", groups=2), 5 * 3 * 3 * 4),
        (keras.layers.LSTM(3), 5 * 4 * 3 * (6 + 3)),
        (keras.layers.GRU(3), 5 * 3 * 3 * (6 + 3)),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_a_layer_has_its_formula(layer, count):
    assert multiply_adds(Wrapped(layer), STEPS) == count


def test_late_lstms_count_their_steps():
    lstms = 5 * 4 * 3 * (6 + 3) + 9 * 4 * 3 * (4 + 3) + 9 * 4 * 3 * (3 + 3) + 5 * 4 * 3 * (3 + 3)
    model = LFLSTM(TWO, dim=3, num_layers=2, hidden_units=[7])
    assert multiply_adds(model, STEPS) == lstms + 6 * 7 + 7


def test_an_aligner_has_an_lstm_and_its_frames():
    aligner = 9 * 4 * 4 * (4 + 4) + 9 * 4 * 4 * (4 + 4) + 9 * 3 * 4
    model = EFLSTM(TWO, dim=2, hidden_units=[], align_to="text", align_steps=3)
    assert multiply_adds(model, STEPS) == aligner + 5 * 4 * 2 * (10 + 2) + 2


def test_fusion_by_a_tensor_grows_with_the_product_and_by_low_rank_with_the_sum():
    networks = 5 * 4 * 3 * (6 + 3) + 3 * 3 + 4 * 3 + 3 * 3 + 3 * 3
    fused = 4 * 4
    model = TFN(TWO, dim=3, hidden_units=[2])
    assert multiply_adds(model, STEPS) == networks + fused + fused * 2 + 2
    low_rank = 2 * (3 * 5) + 5 + 5
    assert multiply_adds(LMF(TWO, dim=3, rank=5), STEPS) == networks + low_rank


def test_mult_is_its_projections_attention_and_feed_forward_nets():
    def block(target, source, d):
        attention = 2 * target * d * d + 2 * source * d * d + 2 * target * source * d
        return attention + 2 * target * 4 * d * d

    d, text, audio = 4, 5, 9
    count = text * 6 * d + audio * 4 * d  # input convolutions
    count += 2 * (block(text, audio, d) + block(audio, text, d))  # two layers a pair
    for steps in (text, audio):  # three summary layers, the last of one query
        count += 2 * block(steps, steps, d) + block(1, steps, d)
    count += 2 * (2 * d) ** 2 + 2 * d  # the residual head
    model = MulT(TWO, dim=d, num_heads=2, num_layers=2)
    assert multiply_adds(model, STEPS) == count


def test_attention_is_counted_at_the_width_of_its_heads():
    d, heads = 8, 2
    text, audio = 5 + 1, 9 + 1  # with the first tokens
    streams = 5 * 6 * d + 5 * d * d + 9 * 4 * d
    classifier = 3 * d * 2 * d + 2 * d * d + d
    for variant, inner in (("paper", d), ("release", heads * 32)):
        alignment = 2 * text * d * inner + 2 * audio * d * inner + 2 * text * audio * inner
        sizes = {"dim": d, "num_heads": heads, "encoder_layers": 0, "fusion": "concatenation"}
        model = models.DAHB(TWO, variant=variant, **sizes)
        assert multiply_adds(model, STEPS) == streams + alignment + classifier


def test_images_are_counted_at_their_size():
    encoders = {"image": {"class": "LeNet"}, "text": {"class": "TransformerEncoder", "dim": 4}}
    encoders["text"] |= {"num_layers": 1, "num_heads": 2}
    image = 8 * 8 * 25 * 16 + 4 * 4 * 25 * 16 * 32 + 2 * 2 * 32 * 64
    pair = models.LateFusion(
        {"a": (8, 8, 1), "b": (8, 8, 1)}, dict.fromkeys("ab", encoders["image"]), 3
    )
    assert multiply_adds(pair, {}) == 2 * image + 2 * 64 * 3
    mixed = models.LateFusion({"image": (8, 8, 1), "text": 6}, encoders, 3)
    short, long = (multiply_adds(mixed, {"text": steps}) for steps in (5, 9))
    assert image < short < long


@pytest.mark.parametrize(
    "name", ["DAHB", "EFLSTM", "GraphMFN", "LMF", "MFN", "MICA", "MISA", "MMIM", "SelfMM"]
)
def test_every_model_can_be_counted_and_longer_sequences_cost_more(name):
    sizes = {"dim": 8, "num_heads": 2} if name in ("DAHB", "MICA") else {}
    model = getattr(models, name)(TWO, **{"SelfMM": {"num_samples": 4}}.get(name, sizes))
    short, long = (multiply_adds(model, dict.fromkeys(TWO, steps)) for steps in (3, 6))
    assert 0 < short < long


def test_what_is_not_known_is_told():
    class Own(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 2), name="kernel")

        def call(self, x):
            return keras.ops.matmul(x, self.kernel)

    with pytest.raises(ValueError, match="a Own with the matrix"):
        multiply_adds(Wrapped(Own()), STEPS)
    with pytest.raises(ValueError, match="steps="):
        multiply_adds(LFLSTM(TWO), {"text": 5})
