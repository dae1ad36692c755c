"""Attention of which it is known how much falls on the same moment."""

import math

import numpy as np
import pytest
from known_attention import KnownModel, inputs

from kerasfuse import models
from kerasfuse.analysis import attention_in_time
from kerasfuse.datasets import load

RATES = {"text": 1, "audio": 2}


def measure(weights, target, source, **options):
    model = KnownModel(attention__0__audio_to_text=np.asarray(weights, "float32"))
    options = {"rates": RATES, "within": 0.25, **options}
    [found] = attention_in_time(model, inputs(target, source), **options).values()
    return found


def test_by_hand():
    # Text at 0.5 and 1.5 s, audio at 0.25, 0.75, 1.25 and 1.75 s.
    weights = [[[0.5, 0.25, 0.25, 0.0], [0.1, 0.2, 0.3, 0.4]]]
    found = measure(weights, [[1, 1]], [[1, 1, 1, 1]])
    assert found["share"] == pytest.approx((0.75 + 0.7) / 2)
    assert found["chance"] == pytest.approx(0.5)
    assert found["lift"] == pytest.approx((0.75 + 0.7) / 2 / 0.5)


def test_uniform_attention_has_lift_1():
    found = measure([[[0.25] * 4] * 2], [[1, 1]], [[1, 1, 1, 1]])
    assert found["lift"] == pytest.approx(1.0)


def test_what_is_nearer_than_within_alone_counts():
    weights = [[[0.5, 0.25, 0.25, 0.0], [0.1, 0.2, 0.3, 0.4]]]
    found = measure(weights, [[1, 1]], [[1, 1, 1, 1]], within=0.75)
    # Of the second word the last three steps, of the first one the first three.
    assert found["share"] == pytest.approx((1.0 + 0.9) / 2)
    none = measure(weights, [[1, 1]], [[1, 1, 1, 1]], within=0.2)
    assert all(math.isnan(value) for value in none.values())


def test_padding_in_front_and_missing_frames():
    # The clock starts at the first real step of each; a missing frame keeps its place in time.
    weights = [[[9, 9, 9, 9, 9], [9, 0.5, 0.2, 0.3, 0.0], [9, 0.1, 9, 0.3, 0.6]]]
    found = measure(weights, [[0, 1, 1]], [[0, 1, 0, 1, 1]])
    assert found["share"] == pytest.approx((0.5 + 0.9) / 2)
    assert found["chance"] == pytest.approx((1 / 3 + 2 / 3) / 2)


def test_an_absent_modality_counts_nothing():
    weights = [[[0.5, 0.5]], [[0.5, 0.5]]]
    found = measure(weights, [[1], [1]], [[0, 0], [1, 1]])
    assert found["share"] == pytest.approx(1.0)
    nothing = measure(weights, [[1], [1]], [[0, 0], [0, 0]])
    assert all(math.isnan(value) for value in nothing.values())


def test_pairs_without_a_rate_are_left_out():
    test = load("simulated", split="test", num_samples=6, batch_size=4, shuffle=False)
    model = models.MICA(test.modalities, dim=8, num_heads=2, num_layers=2)
    found = attention_in_time(model, test, {"audio": 20, "vision": 15})
    assert set(found) == {
        f"{i}/{p}" for i in (0, 1) for p in ("audio_to_vision", "vision_to_audio")
    }
    # An untrained model looks everywhere; 0.4 s of about 2.5 s are near.
    for each in found.values():
        assert each["lift"] == pytest.approx(1.0, abs=0.1) and 0.1 < each["chance"] < 0.25
    assert "share" in found._repr_markdown_()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"rates": {}}, "`rates` expected a dict"),
        ({"rates": 3}, "`rates` expected a dict"),
        ({"rates": {"text": 0, "audio": 1}}, r"rates\['text'\].*Received: 0"),
        ({"rates": {"text": True, "audio": 1}}, r"rates\['text'\].*Received: True"),
        ({"within": float("nan")}, "`within` expected a positive number"),
        ({"rates": {"text": 1, "vision": 3}}, "maps attention/0/audio_to_text"),
    ],
)
def test_what_cannot_be_measured(options, message):
    with pytest.raises(ValueError, match=message):
        measure([[[1.0]]], [[1]], [[1]], **options)
