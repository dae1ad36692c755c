"""Companions against a plain reading of the paper, and what happens at the edges."""

import keras
import numpy as np
import pytest

from kerasfuse import datasets
from kerasfuse.datasets.batching import similar_samples as module
from kerasfuse.datasets.batching.similar_samples import similar_samples

RNG = np.random.default_rng(0)


def plain(vectors, classes, keep):
    """The three lists, sample by sample, in float64."""
    lists = {"similar_same": [], "dissimilar_other": [], "similar_other": []}
    norms = np.linalg.norm(vectors, axis=1)
    for i in range(len(vectors)):
        similarity = vectors @ vectors[i] / norms / norms[i]
        others = [j for j in np.argsort(-similarity) if j != i]
        same = [j for j in others if classes[j] == classes[i]]
        foreign = [j for j in others if classes[j] != classes[i]]
        rows = {"similar_same": same, "dissimilar_other": foreign[::-1], "similar_other": foreign}
        for name, found in rows.items():
            lists[name].append((found[:keep] + [-1] * keep)[:keep])
    return {name: np.array(rows) for name, rows in lists.items()}


@pytest.mark.parametrize("block", [2**24, 60])
def test_lists_are_the_ranking_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    vectors, classes = RNG.normal(size=(30, 5)), RNG.integers(0, 4, 30)
    found, expected = similar_samples(vectors, classes, keep=6), plain(vectors, classes, 6)
    for name, rows in expected.items():
        np.testing.assert_array_equal(found[name], rows)


def test_the_zero_vector_is_similar_to_nothing():
    vectors = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.1]])
    found = similar_samples(vectors, np.array([0, 0, 0, 1]), keep=2)
    assert found["similar_same"][1].tolist() == [0, 2]  # cosine 0 before cosine -1


def test_an_only_class_and_vectors_that_are_not_finite_are_told():
    with pytest.raises(ValueError, match="two classes or more.*3 samples of class 1"):
        similar_samples(np.eye(3), np.ones(3, int))
    with pytest.raises(ValueError, match="finite representations"):
        similar_samples(np.full((3, 2), np.nan), np.arange(3))


def data(samples=40, batch_size=5, labels=None, **kwargs):
    lengths = RNG.integers(2, 9, samples)
    inputs = {
        "text": [RNG.normal(size=(n, 3)) for n in lengths],
        "audio": RNG.normal(size=(samples, 6, 2)),
    }
    labels = RNG.normal(size=samples) if labels is None else labels
    return datasets.Batches(inputs, labels, batch_size, shuffle=True, **kwargs)


def test_rows_are_anchors_then_their_companions():
    batches = data()
    companions = datasets.Companions(batches)
    inputs, labels, weights = companions[1]
    rows = companions.rows(1)
    np.testing.assert_array_equal(rows[:5], batches.rows(1))
    np.testing.assert_array_equal(labels, batches.labels[rows])
    np.testing.assert_array_equal(weights, [7.0] * 5 + [0.0] * 30)
    assert inputs["text"].shape[0] == inputs["audio"].shape[0] == 35
    np.testing.assert_array_equal(inputs["audio"], batches.gather(rows)[0]["audio"])
    lists = list(companions.lists.values())
    classes = np.round(batches.labels[:, 0])
    for c in range(1, 7):
        for i, anchor in enumerate(rows[:5]):
            companion = rows[5 * c + i]
            allowed = lists[(c - 1) // 2][anchor]
            assert companion in allowed or (allowed < 0).all()
            if companion != anchor:
                assert (classes[companion] == classes[anchor]) == (c in (1, 2))
    # Without replacement: where a list has two, two are drawn.
    pairs = rows[5:].reshape(3, 2, 5)
    for found, (first, second) in zip(lists, pairs, strict=True):
        several = (found[rows[:5]] >= 0).sum(axis=1) > 1
        assert (first != second)[several].all()


def test_draws_are_a_function_of_seed_epoch_and_batch():
    one, two = (datasets.Companions(data(seed=3, labels=np.arange(40) % 3)) for _ in range(2))
    two.lists = one.lists
    np.testing.assert_array_equal(one.rows(2), two.rows(2))
    before = one.rows(2)
    one.on_epoch_end()
    assert one.epoch == one.batches.epoch == 1
    assert (one.rows(2) != before).any()
    one.epoch = 0
    np.testing.assert_array_equal(one.rows(2), before)


def test_a_class_of_one_is_its_own_companion_and_of_two_has_one():
    labels = np.array([0, 1, 1, *[2] * 37], float)
    companions = datasets.Companions(data(labels=labels, batch_size=40))
    rows = companions.rows(0).reshape(7, 40)
    place = {anchor: i for i, anchor in enumerate(rows[0])}
    assert rows[1:3, place[0]].tolist() == [0, 0]
    assert rows[1:3, place[1]].tolist() == [2, 2]
    assert rows[1:3, place[2]].tolist() == [1, 1]


def test_before_the_first_refresh_raw_features_are_compared():
    x = np.zeros((4, 3, 2))
    x[0, :1], x[1, :3], x[2, :2], x[3, :2] = [1, 0.9], [1, 1], [-5, 3], [-4, 3]
    batches = datasets.Batches({"a": x, "b": x[:, ::-1]}, [0, 0, 0, 1], batch_size=2)
    lists = datasets.Companions(batches).lists
    # Means over real steps, whatever their number: 0 and 1 are alike, 2 is not.
    assert lists["similar_same"][0].tolist()[:2] == [1, 2]
    assert lists["similar_same"][1].tolist()[:2] == [0, 2]


def test_a_refresh_changes_who_is_similar():
    labels = np.arange(8) % 2
    companions = datasets.Companions(data(8, 4, labels))
    vectors = np.eye(8)[:, :4] + np.eye(8)[:, 4:]  # i is nearest to i + 4, of its class
    companions.refresh(vectors)
    assert companions.lists["similar_same"][:, 0].tolist() == [4, 5, 6, 7, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (
            lambda: datasets.Batches({"a": np.ones((3, 2, 2)), "b": np.ones((3, 2, 2))}),
            "with labels",
        ),
        (lambda: np.ones(3), "with labels"),
        (
            lambda: datasets.Batches(
                {"a": np.ones((3, 2, 2)), "b": np.ones((3, 2, 2))}, np.ones((3, 4, 2))
            ),
            "one label a sample",
        ),
    ],
)
def test_what_has_no_classes_is_told(batches, message):
    with pytest.raises(ValueError, match=message):
        datasets.Companions(batches())


def test_keras_fits_on_them_and_only_anchors_count():
    batches = data(12, 4, np.arange(12) % 3)
    companions = datasets.Companions(batches)
    inputs = {
        "text": keras.Input((None, 3), name="text"),
        "audio": keras.Input((None, 2), name="audio"),
    }
    means = [keras.layers.GlobalAveragePooling1D()(x) for x in inputs.values()]
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()(means))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mae", weighted_metrics=["mae"])
    history = model.fit(companions, shuffle=False, verbose=0).history
    companions.epoch = 0
    plain = model.evaluate(batches, verbose=0)[0]
    assert history["loss"][0] == pytest.approx(plain, rel=1e-5)
    assert history["mae"][0] == pytest.approx(plain, rel=1e-5)
