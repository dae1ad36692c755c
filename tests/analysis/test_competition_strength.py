"""Competition strength against the closed form, and shares against their sum."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasfuse import analysis
from kerasfuse.analysis import MonoModalConcept, competition_strength, shares
from kerasfuse.analysis.competition_strength import unexplained
from kerasfuse.datasets import Batches
from kerasfuse.models import EarlyFusion, LateFusion
from kerasfuse.training import AGM, Modulated
from kerasfuse.training.callbacks import CompetitionStrength

RNG = np.random.default_rng(0)
SIZES = {"a": (3, 3, 1), "b": (2, 2, 1)}


def encoders():
    return {
        m: keras.Sequential([layers.Flatten(), layers.Dense(4, activation="tanh")]) for m in SIZES
    }


def data(size):
    return {m: RNG.normal(size=(size, *s)).astype("float32") for m, s in SIZES.items()}


def predict(model, x):
    return np.asarray(model.predict(x, verbose=0), "float64")


def test_it_is_the_closed_form():
    model = LateFusion(SIZES, encoders(), 3)
    concepts = {m: MonoModalConcept(model, m) for m in SIZES}
    development, evaluation = data(40), data(30)
    found = competition_strength(model, concepts, development, evaluation)
    features = model.extract("fused")
    h, h_new = (
        np.asarray(features.predict(x, verbose=0)["fused"], "float64")
        for x in (development, evaluation)
    )
    for m, concept in concepts.items():
        c, c_new = predict(concept, development), predict(concept, evaluation)
        centred = h - h.mean(0)
        slope = np.linalg.solve(
            centred.T @ centred + 120.0 * np.eye(h.shape[1]), centred.T @ (c - c.mean(0))
        )
        residual = (h_new - h.mean(0)) @ slope + c.mean(0) - c_new
        b = len(c_new) * np.cov(c_new, rowvar=False)
        wanted = np.trace(residual @ np.linalg.pinv(b) @ residual.T) / 3
        assert found[m] == pytest.approx(wanted, rel=1e-6)


def test_its_ends():
    concept = RNG.normal(size=(50, 4))
    assert unexplained(concept, concept) == 0.0
    mean = np.broadcast_to(concept.mean(0), concept.shape)
    assert unexplained(mean, concept) == pytest.approx(49 / 50)
    one = concept[:, :1]
    assert unexplained(one * 0 + one.mean(), one) == pytest.approx(49 / 50)
    # A concept that is linear in the features is found where the penalty is small.
    model = LateFusion(SIZES, encoders(), 3)
    found = competition_strength(model, {"a": model}, data(60), data(20), penalty=1e-6)
    assert found["a"] < 1e-6


@pytest.mark.parametrize("cls", [LateFusion, EarlyFusion])
def test_a_concept_sees_one_modality(cls):
    model = cls(SIZES, encoders(), 3)
    concept = MonoModalConcept(model, "a")
    x = data(6)
    first = predict(concept, x)
    np.testing.assert_array_equal(predict(concept, {**x, "b": 5 * x["b"]}), first)
    assert np.abs(predict(concept, {**x, "a": 5 * x["a"]}) - first).max() > 1e-3
    before = model.get_weights()
    concept.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    concept.fit(x, RNG.integers(0, 3, 6), verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_noise_in_the_place_of_the_others():
    model = EarlyFusion(SIZES, encoders(), 3, units=(4,), dropout=0.0)
    concept = MonoModalConcept(model, "a", padding="noise")
    x = data(6)
    assert np.abs(predict(concept, x) - predict(concept, x)).max() > 1e-4
    for wrong, told in (({"modality": "c"}, "'c'"), ({"padding": "ones"}, "'ones'")):
        with pytest.raises(ValueError, match=told):
            MonoModalConcept(**{"model": model, "modality": "a", **wrong})


def test_the_callback_measures_at_chosen_epochs():
    model = LateFusion(SIZES, encoders(), 3)
    concepts = {m: MonoModalConcept(model, m) for m in SIZES}
    development, evaluation = data(20), data(20)
    strength = CompetitionStrength(concepts, development, evaluation, epochs=[1])
    fusion = Modulated(model, AGM(1.0))
    fusion.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    logs = fusion.fit(
        data(12), RNG.integers(0, 3, 12), epochs=2, verbose=0, callbacks=[strength]
    ).history
    assert list(strength.strengths) == [1]
    wanted = competition_strength(model, concepts, development, evaluation)
    assert strength.strengths[1] == pytest.approx(wanted, rel=1e-5)
    assert logs["strength_a"] == [strength.strengths[1]["a"]]


def test_shares_add_up_to_the_output():
    model = EarlyFusion(SIZES, encoders(), 3, units=(4,))
    x = data(7)
    batches = Batches(x, RNG.integers(0, 3, 7), batch_size=4)
    found = shares(model, batches)
    assert set(found) == set(SIZES) and found["a"].shape == (7, 3)
    np.testing.assert_allclose(sum(found.values()), predict(model, x), atol=1e-5)
    alone = {m: {n: v * (n == m) for n, v in x.items()} for m in SIZES}
    a, b, ab = (predict(model, each) for each in (alone["a"], alone["b"], x))
    np.testing.assert_allclose(found["a"], (ab - b + a) / 2, atol=1e-5)
    with pytest.raises(ValueError, match="stored order"):
        shares(model, Batches(x, shuffle=True))
    with pytest.raises(ValueError, match="stored order"):
        analysis.competition_strength(model, {}, Batches(x, shuffle=True), x)
    with pytest.raises(ValueError, match=r"\['c'\]"):
        analysis.competition_strength(model, {"c": model}, x, x)
