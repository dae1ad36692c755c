"""Hits of attention on the true alignment, counted step by step."""

import math

import numpy as np
import pytest

from kerasfuse.analysis import correlation_accuracy


def oracle(maps, queries, sources):
    hits = counted = 0
    for weights, query, source in zip(maps, queries, sources, strict=True):
        for step, event in enumerate(query):
            corresponding = [i for i, other in enumerate(source) if other == event]
            if event == -1 or not corresponding:
                continue
            counted += 1
            hits += int(np.argmax(weights[step][: len(source)])) in corresponding
    return hits / counted


def samples(rng, number=20):
    steps = rng.integers(3, 12, (number, 2))
    queries = [rng.integers(-1, 5, t) for t, _ in steps]
    sources = [rng.integers(-1, 5, s) for _, s in steps]
    return rng.random((number, 12, 12)), queries, sources


def test_agrees_with_counting_by_hand():
    maps, queries, sources = samples(np.random.default_rng(0))
    assert correlation_accuracy(maps, queries, sources) == oracle(maps, queries, sources)
    ragged = [m[: len(q), : len(s)] for m, q, s in zip(maps, queries, sources, strict=True)]
    assert correlation_accuracy(ragged, queries, sources) == oracle(maps, queries, sources)


def test_one_sample_needs_no_list():
    weights = np.eye(3)
    assert correlation_accuracy(weights, [0, 1, 2], [0, 1, 2]) == 1.0
    assert correlation_accuracy(weights, [0, 1, 2], [0, 2, 1]) == pytest.approx(1 / 3)


def test_padding_cannot_be_chosen():
    weights = np.array([[0.1, 0.2, 0.9]])  # the third source step is padding
    assert correlation_accuracy(weights, [4], [-1, 4]) == 1.0


def test_steps_without_event_or_counterpart_do_not_count():
    weights = np.full((3, 2), 0.5)
    assert correlation_accuracy(weights, [-1, 7, 1], [1, -1]) == 1.0
    assert math.isnan(correlation_accuracy(weights, [-1, 7, 8], [1, -1]))
    assert math.isnan(correlation_accuracy(weights, [0, 1, 2], []))
    assert math.isnan(correlation_accuracy(weights, [], [1, 2]))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"at least the events' \(3, 2\).*shape=\(2, 2\)"):
        correlation_accuracy(np.ones((2, 2)), [0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match="as many samples each.*Received: 1, 2 and 2"):
        correlation_accuracy(np.ones((1, 2, 2)), [[0, 1]] * 2, [[0, 1]] * 2)
