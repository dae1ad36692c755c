"""Scores over a data set, of a stand-in for a model whose attention and vectors are known."""

import numpy as np
import pytest

from kerasfuse.analysis import a_distance, alignment_scores, correlation_accuracy
from kerasfuse.datasets import Batches

PAIRS = [("audio", "text"), ("text", "audio")]


class KnownModel:
    """Projects inputs to queries and keys of 2 heads x 3, and attends by their products."""

    def __init__(self, shift=0.0):
        self.shift = shift
        self.intermediates = ["summary/text"] + [
            f"{name}/{layer}/{s}_to_{t}"
            for layer in (0, 1, 10)
            for s, t in PAIRS
            for name in ("attention", "queries", "keys")
        ]
        self.asked = []

    def extract(self, *names):
        assert set(names) <= set(self.intermediates)
        self.asked = list(names)
        return self

    def predict_on_batch(self, inputs):
        return {name: self.intermediate(inputs, name) for name in self.asked}

    def intermediate(self, inputs, name):
        kind, _, pair = name.split("/")
        source, target = pair.split("_to_")
        vectors = {m: x[..., :6].reshape(*x.shape[:2], 2, 3) for m, x in inputs.items()}
        queries, keys = vectors[target] + self.shift, vectors[source]
        if kind == "attention":
            return np.einsum("bthd,bshd->bts", queries, keys)
        return queries if kind == "queries" else keys


def data(padding="right", alignments=True, shuffle=False):
    """Steps of the same event carry the same one-hot vector; the rest is noise."""
    rng = np.random.default_rng(0)
    inputs, events = {"text": [], "audio": []}, {"text": [], "audio": []}
    for _ in range(9):
        for modality, steps in (("text", rng.integers(3, 9)), ("audio", rng.integers(5, 20))):
            event = rng.integers(-1, 4, steps)
            x = 0.1 * rng.random((steps, 7)) + 0.001
            x[np.arange(steps), event] += event >= 0
            if modality == "audio":
                x[2] = 0.0  # a missing frame
            inputs[modality].append(x)
            events[modality].append(event)
    return (
        inputs,
        events,
        Batches(
            inputs,
            np.zeros(9),
            batch_size=4,
            padding=padding,
            shuffle=shuffle,
            alignments=events if alignments else None,
        ),
    )


def joined(arrays, shift=0.0):
    rows = np.concatenate(arrays).astype("float32")
    return rows[np.any(rows != 0, axis=-1)][:, :6].reshape(-1, 2, 3) + shift


@pytest.mark.parametrize("padding", ["right", "left"])
def test_pools_all_samples_and_averages_pairs(padding):
    inputs, events, batches = data(padding)
    model = KnownModel()
    found = alignment_scores(model, batches)
    assert all("/10/" in name for name in model.asked)  # the last layer, by number
    events["audio"] = [np.where(np.arange(len(e)) == 2, -1, e) for e in events["audio"]]
    for source, target in PAIRS:
        scores = found["pairs"][f"{source}_to_{target}"]
        maps = [q[:, :6] @ k[:, :6].T for q, k in zip(inputs[target], inputs[source], strict=True)]
        expected = correlation_accuracy(maps, events[target], events[source])
        assert scores["correlation_accuracy"] == pytest.approx(expected)
        assert expected > 0.9
    for measure in ("a_distance", "correlation_accuracy"):
        each = [scores[measure] for scores in found["pairs"].values()]
        assert found[measure] == pytest.approx(np.mean(each))


def test_a_distance_sees_valid_steps_only():
    inputs, _, batches = data()
    found = alignment_scores(KnownModel(shift=5.0), batches)["pairs"]["audio_to_text"]
    assert found["a_distance"] == 2.0
    # Padding would give both sides zeros that nothing tells apart.
    expected = a_distance(joined(inputs["text"], 5.0), joined(inputs["audio"]))
    assert found["a_distance"] == expected


def test_alike_modalities_are_near():
    _, _, batches = data()
    apart = alignment_scores(KnownModel(shift=5.0), batches)["a_distance"]
    assert alignment_scores(KnownModel(), batches)["a_distance"] < apart


def test_a_limit_bounds_what_is_kept():
    _, _, batches = data()
    found = alignment_scores(KnownModel(), batches, max_vectors=6, heads="concat", layer=0)
    assert 0.0 <= found["a_distance"] <= 2.0


def test_data_without_alignment_give_the_distance_only():
    _, _, batches = data(alignments=False)
    model = KnownModel()
    found = alignment_scores(model, batches)
    assert set(found) == {"a_distance", "pairs"}
    assert set(found["pairs"]["audio_to_text"]) == {"a_distance"}
    assert not any("attention" in name for name in model.asked)


def test_bad_input_is_refused():
    _, _, batches = data()
    with pytest.raises(ValueError, match=r"one of \[0, 1, 10\]. Received: layer=3"):
        alignment_scores(KnownModel(), batches, layer=3)
    model = KnownModel()
    model.intermediates = ["summary/text"]
    with pytest.raises(ValueError, match="crossmodal layers"):
        alignment_scores(model, batches)
    _, _, shuffled = data(shuffle=True)
    with pytest.raises(ValueError, match="shuffle=False"):
        alignment_scores(KnownModel(), shuffled)
    batches.alignment = lambda i: {"text": np.zeros(50, int), "audio": np.zeros(50, int)}
    with pytest.raises(ValueError, match="Received: 50 events for"):
        alignment_scores(KnownModel(), batches)
