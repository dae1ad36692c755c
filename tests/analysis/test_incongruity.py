"""Contributions and attention of a stand-in whose output is known, and of the real models."""

import numpy as np
import pytest

from kerasfuse.analysis import incongruity, incongruity_figure
from kerasfuse.analysis.incongruity import disagreement
from kerasfuse.datasets import Batches
from kerasfuse.models import HCTMG, MICA, MulT

WIDTHS = {"text": 2, "audio": 3, "vision": 4}
STEPS = {"text": 5, "audio": 4, "vision": 6}
RNG = np.random.default_rng(0)
X = {m: RNG.normal(size=(6, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}


class KnownModel:
    """Adds up its modalities, and half a product of two; attends by the number of sources."""

    modalities = WIDTHS
    layers = ()
    intermediates = ["summary_attention/text", "attention/0/audio_to_text"]

    def extract(self, name):
        assert name == "summary_attention/text"
        parent = self

        class Extractor:
            def predict_on_batch(self, inputs):
                sums = parent.sums(inputs)
                weights = np.zeros(inputs["text"].shape[:2])
                weights[:, 0] = 1 + (sums["audio"] != 0) + 2 * (sums["vision"] != 0)
                return {name: weights}

        return Extractor()

    @staticmethod
    def sums(inputs):
        return {m: x.sum((1, 2)) for m, x in inputs.items()}

    def predict_on_batch(self, inputs):
        s = self.sums(inputs)
        value = 1.0 + s["text"] - 2.0 * s["audio"] + 0.5 * s["text"] * s["vision"]
        return np.stack([np.zeros(len(value)), value], axis=1)


def test_contributions_are_shapley_values_of_the_output():
    found = incongruity(KnownModel(), X, output=1)
    s = KnownModel.sums(X)
    # The product is shared evenly by the two that make it.
    wanted = {
        "text": s["text"] + 0.25 * s["text"] * s["vision"],
        "audio": -2.0 * s["audio"],
        "vision": 0.25 * s["text"] * s["vision"],
    }
    assert list(found.contributions) == list(WIDTHS)
    for m in WIDTHS:
        np.testing.assert_allclose(found.contributions[m], wanted[m], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.outputs, KnownModel().predict_on_batch(X)[:, 1])
    phi = np.array(list(wanted.values()))
    score = 1 - np.abs(phi.sum(0)) / np.abs(phi).sum(0)
    np.testing.assert_allclose(found.scores, score, rtol=1e-3, atol=1e-4)


def test_attention_is_that_under_each_set_of_sources():
    found = incongruity(KnownModel(), X)
    assert found.target == "text"
    first = {label: weights[:, 0].tolist() for label, weights in found.attention.items()}
    assert first == {
        "alone": [1.0] * 6,
        "audio": [2.0] * 6,
        "vision": [3.0] * 6,
        "audio+vision": [4.0] * 6,
    }


def test_disagreement_weighs_signs_by_their_size():
    contributions = [[1.0, 3.0, 1.0, 0.0], [2.0, -1.0, -1.0, 0.0], [0.5, 0.0, 0.0, 0.0]]
    assert disagreement(contributions).tolist() == [0.0, 0.5, 1.0, 0.0]


@pytest.mark.parametrize("cls", [HCTMG, MulT, MICA])
def test_real_models_are_explained_batch_by_batch(cls):
    model = cls(WIDTHS, dim=8, num_heads=2, num_layers=1)
    ragged = {m: list(x) for m, x in X.items()}
    ragged["text"] = [x[: 3 + i % 3] for i, x in enumerate(ragged["text"])]
    found = incongruity(model, Batches(ragged, np.zeros(6), batch_size=2))
    outputs = model.predict(X | {"text": padded(ragged["text"])}, verbose=0)[:, 0]
    np.testing.assert_allclose(found.outputs, outputs, atol=1e-5)
    nothing = {m: np.zeros_like(x) for m, x in X.items()}
    total = sum(found.contributions.values())
    base = model.predict(nothing, verbose=0)[:, 0]
    np.testing.assert_allclose(total, outputs - base, atol=1e-5)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert found.target == "text" and list(found.attention) == [
        "alone",
        "audio",
        "vision",
        "audio+vision",
    ]
    for weights in found.attention.values():
        assert weights.shape == (6, 5)
        np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-5)
        assert weights[0, 3:].max() == 0.0
    difference = found.attention["alone"] - found.attention["audio+vision"]
    assert np.abs(difference).max() > 1e-6


def padded(rows):
    return np.stack([np.pad(x, ((0, 5 - len(x)), (0, 0))) for x in rows])


def test_the_target_is_the_choice_of_the_gate():
    model = HCTMG(WIDTHS, gate="fixed", primary="vision", dim=8, num_heads=2, num_layers=1)
    found = incongruity(model, X)
    assert found.target == "vision" and list(found.attention)[-1] == "text+audio"


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"one of \['text'\]. Received: 'audio'"):
        incongruity(KnownModel(), X, target="audio")
    shuffled = Batches({m: list(x) for m, x in X.items()}, np.zeros(6), shuffle=True)
    with pytest.raises(ValueError, match="shuffle=False"):
        incongruity(KnownModel(), shuffled)


def test_a_figure_shows_attention_and_contributions(tmp_path):
    pytest.importorskip("matplotlib")
    found = incongruity(KnownModel(), X, output=1)
    figure = incongruity_figure(found, sample=2, words=["why"], title="One sample")
    top, bottom, _ = figure.axes  # the last is the colour bar
    # Only the first step gets attention here; the others pass for padding.
    assert top.images[0].get_array().tolist() == [[1.0], [2.0], [3.0], [4.0]]
    labels = [label.get_text() for label in top.get_yticklabels()]
    assert labels[0] == "text alone" and labels[-1] == "audio+vision \u2192 text"
    widths = [bar.get_width() for bar in bottom.patches]
    np.testing.assert_allclose(widths, [found.contributions[m][2] for m in WIDTHS])
    figure.savefig(tmp_path / "sample.png")
    with pytest.raises(ValueError, match="from 0 to 5"):
        incongruity_figure(found, sample=6)
    with pytest.raises(ValueError, match="'text', 1. Received: 2"):
        incongruity_figure(found, words=["why", "not"])


def test_an_absent_target_is_drawn():
    pytest.importorskip("matplotlib")
    found = incongruity(KnownModel(), X)
    blank = {label: np.zeros_like(weights) for label, weights in found.attention.items()}
    figure = incongruity_figure(found._replace(attention=blank))
    assert figure.axes[0].texts[0].get_text() == "text is absent"
