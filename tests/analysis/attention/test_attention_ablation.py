"""Ablation of attention that does nothing, and of attention that does everything."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import layers, metrics, models
from kerasfuse.analysis import attention_ablation
from kerasfuse.analysis.attention.ablation import crossmodal_attentions, of_another_sample, shifted
from kerasfuse.analysis.predictions import predictions
from kerasfuse.datasets import Batches, load

SCORES = [metrics.MeanAbsoluteError()]
KINDS = ["uniform", "other sample", "shifted"]
SMALL = {"dim": 4, "num_heads": 2, "num_layers": 1}


def finder():
    """A model that reads the number at the step of audio whose code is that of the text."""
    text, audio = keras.Input((None, 4), name="text"), keras.Input((None, 5), name="audio")
    attend = layers.CrossmodalAttention(1, name="attend")
    real = layers.PaddingMask()(audio)
    found = attend(text, audio, source_mask=real)
    model = keras.Model({"text": text, "audio": audio}, found[:, 0, :1])
    code = np.eye(5, 4)
    for projection, kernel in (
        (attend.query_projection, 100 * np.eye(4)),
        (attend.key_projection, code),
        (attend.value_projection, np.eye(5)[:, [4, 0, 1, 2]] * [1, 0, 0, 0]),
        (attend.output_projection, np.eye(4)),
    ):
        projection.set_weights([kernel, np.zeros(4)])
    return model


def hidden_numbers(lengths, padding="right"):
    """Sample i asks for code i mod 4. Its step says y, and all others together say -y."""
    text, audio, labels = [], [], []
    for i, length in enumerate(lengths):
        y = 1.0 if i % 3 else -1.0
        place = i % length
        steps = np.zeros((length, 5))
        codes = np.roll(np.arange(4), 0)[:length]
        steps[np.arange(length), codes] = 1.0
        steps[:, 4] = -y / (length - 1)
        steps[place, 4] = y
        text.append(np.eye(4)[[place]])
        audio.append(steps)
        labels.append(y)
    inputs = {"text": text, "audio": audio}
    return Batches(inputs, np.array(labels), batch_size=4, padding=padding)


@pytest.mark.parametrize("padding", ["left", "right"])
def test_a_model_that_only_finds_loses_all(padding):
    data = hidden_numbers([4] * 8, padding)
    found = attention_ablation(finder(), data, SCORES)
    assert found.intact["mae"] == pytest.approx(0.0, abs=1e-5)
    # Uniform attention reads 0, the others -y / 3; errors rise, so what is lost is negative.
    assert list(found.lost) == KINDS
    assert found.lost["uniform"]["mae"] == pytest.approx(-1.0, abs=1e-5)
    assert found.lost["other sample"]["mae"] == pytest.approx(-4 / 3, abs=1e-5)
    assert found.lost["shifted"]["mae"] == pytest.approx(-4 / 3, abs=1e-5)
    assert found.table("mae")[1][0] == "uniform"
    assert found.table("mae")[1][1] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("padding", ["left", "right"])
def test_padding_gets_no_attention(padding):
    """Clips of two and four steps in a batch: uniform is even over the real ones alone."""
    data = hidden_numbers([2, 4, 4, 2, 4, 2], padding)
    found = attention_ablation(finder(), data, SCORES)
    assert found.intact["mae"] == pytest.approx(0.0, abs=1e-5)
    assert found.lost["uniform"]["mae"] == pytest.approx(-1.0, abs=1e-5)
    # The other step of two says -y, one of the others of four -y / 3.
    assert found.lost["shifted"]["mae"] == pytest.approx(-(2 + 4 / 3) / 2, abs=1e-5)


def test_a_model_of_uniform_attention_loses_nothing():
    data = load("simulated", "test", num_samples=8, batch_size=4)
    for cls in (models.MICA, models.MulT):
        model = cls(data.modalities, **SMALL | {"num_layers": 2})
        for layer in crossmodal_attentions(model):
            kernel, bias = layer.query_projection.get_weights()
            layer.query_projection.set_weights([0 * kernel, 0 * bias])
        found = attention_ablation(model, data, SCORES)
        for kind in KINDS:
            assert found.lost[kind]["mae"] == pytest.approx(0.0, abs=1e-5)


def sharpened(model):
    """Make attention depend on its inputs."""
    for weight in model.trainable_weights:
        if len(weight.shape) == 2 and ("query" in weight.path or "key" in weight.path):
            weight.assign(4 * weight.value)
    return model


MODELS = {
    # model, and how many layers attend across modalities
    "MulT": (lambda m: models.MulT(m, **SMALL | {"num_layers": 2}), 12),
    "MICA": (lambda m: models.MICA(m, **SMALL), 6),
    "HCTMG": (lambda m: models.HCTMG(m, **SMALL), 4),
    "DAHB": (lambda m: models.DAHB(m, **SMALL), None),
    "TextGuidedTransformer": (lambda m: models.TextGuidedTransformer(m, **SMALL), None),
    "Scaled": (lambda m: models.Scaled(models.MICA(m, **SMALL)), 6),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_with_crossmodal_attention(name):
    data = load("simulated", "test", num_samples=6, batch_size=4)
    make, number = MODELS[name]
    model = sharpened(make(data.modalities))
    found = crossmodal_attentions(model)
    assert found and number in (None, len(found))
    before = predictions(model, data)
    calls = []
    result = attention_ablation(model, data, SCORES, progress=lambda *told: calls.append(told))
    wanted = metrics.evaluate([metrics.MeanAbsoluteError()], data.labels, before)
    assert result.intact["mae"] == pytest.approx(wanted["mae"], rel=1e-4)
    assert any(abs(lost["mae"]) > 1e-6 for lost in result.lost.values())
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    # All is as it was.
    np.testing.assert_allclose(predictions(model, data), before, atol=1e-6)
    assert all(layer._replace is None for layer in found)


def test_attention_within_a_sequence_is_none_across():
    widths = {"text": 3, "audio": 2}
    encoders = {m: layers.TransformerEncoder(4, num_layers=1, num_heads=2) for m in widths}
    assert crossmodal_attentions(models.LateFusion(widths, encoders)) == []
    joint = models.DAHB(widths, **SMALL, fusion="self_attention")
    assert not any("fusion" in layer.path for layer in crossmodal_attentions(joint))


def test_layers_let_only_attention_to_others_be_replaced():
    rng = np.random.default_rng(0)
    x, other = (ops.convert_to_tensor(rng.normal(size=(2, n, 4)), "float32") for n in (3, 5))
    mask, other_mask = (ops.ones((2, n), dtype="bool") for n in (3, 5))
    pairs = layers.CrossmodalAttention(2)
    several = layers.MultiCrossAttention(2)
    calls = {
        "pair": (pairs, lambda: pairs(x, other, source_mask=other_mask)),
        "itself": (pairs, lambda: pairs(x, x, source_mask=mask)),
        "several": (several, lambda: several(x, {"a": other}, {"a": other_mask})),
        "own name": (several, lambda: several(x, {"a": x}, {"a": mask})),
    }
    for name, (layer, call) in calls.items():
        plain = ops.convert_to_numpy(call())
        with layer.replacing(lambda scores, mask: scores):  # the same scores, the slow way
            same = ops.convert_to_numpy(call())
        with layer.replacing(lambda scores, mask: 0.0 * scores):
            nothing = ops.convert_to_numpy(call())
        np.testing.assert_allclose(same, plain, atol=1e-6)
        assert (np.abs(nothing - plain).max() > 1e-3) == (name in ("pair", "several"))
        np.testing.assert_array_equal(ops.convert_to_numpy(call()), plain)


def scores_and_mask():
    rng = np.random.default_rng(0)
    mask = np.array([[1, 1, 1, 1, 1, 0], [1, 0, 1, 1, 0, 0]], bool)[:, None, None]
    scores = rng.random((2, 3, 4, 6)) * mask
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores.astype("float32"), mask


def test_shifted_weights_are_those_of_half_a_clip_before():
    scores, mask = scores_and_mask()
    found = ops.convert_to_numpy(shifted(*map(ops.convert_to_tensor, (scores, mask))))
    np.testing.assert_allclose(found[0][..., :5], np.roll(scores[0][..., :5], 2, -1), atol=1e-6)
    np.testing.assert_allclose(
        found[1][..., [0, 2, 3]], np.roll(scores[1][..., [0, 2, 3]], 1, -1), atol=1e-6
    )
    assert (found * ~mask == 0).all()


def test_weights_of_another_sample_are_stretched_to_ones_own_keys():
    scores, mask = scores_and_mask()
    found = ops.convert_to_numpy(of_another_sample(*map(ops.convert_to_tensor, (scores, mask))))
    # Three keys stand for the middles of thirds of five, and five for those of three.
    own = scores[0][..., [0, 2, 4]]
    other = scores[1][..., [0, 0, 2, 3, 3]]
    np.testing.assert_allclose(
        found[0][..., :5], other / other.sum(axis=-1, keepdims=True), atol=1e-6
    )
    np.testing.assert_allclose(
        found[1][..., [0, 2, 3]], own / own.sum(axis=-1, keepdims=True), atol=1e-6
    )
    # Where the other one is absent, they share evenly; and nobody sees padding.
    apart = np.zeros((2, 1, 1, 4), "float32")
    apart[0, ..., :2] = 0.9, 0.1
    found = of_another_sample(*map(ops.convert_to_tensor, (apart, apart > 0)))
    np.testing.assert_allclose(ops.convert_to_numpy(found), (apart > 0) / 2)
    nobody = of_another_sample(*map(ops.convert_to_tensor, (0 * apart, apart < 0)))
    np.testing.assert_allclose(ops.convert_to_numpy(nobody), 0 * apart)


def test_what_it_cannot_measure_is_refused():
    data = load("simulated", "test", num_samples=4)
    alone = models.LFLSTM(data.modalities, dim=2, hidden_units=[])
    with pytest.raises(ValueError, match="attend from one modality to another.*LFLSTM"):
        attention_ablation(alone, data, SCORES)
    model = models.MICA(data.modalities, **SMALL)
    with pytest.raises(ValueError, match="two samples or more"):
        attention_ablation(model, load("simulated", "test", num_samples=1), SCORES)
    with pytest.raises(ValueError, match="shuffle=True"):
        attention_ablation(model, load("simulated", "train", num_samples=4), SCORES)
