"""Corruptions change what they should and nothing else; the curves are the model's."""

import sys

import numpy as np
import pytest
from additive_model import WEIGHTS, SumOfSums, batches, samples, sums

from kerasfuse import metrics
from kerasfuse.analysis import robustness, robustness_figure
from kerasfuse.analysis.corruptions import (
    dropped,
    feature_spread,
    noisy,
    order_of_removal,
    removed,
)
from kerasfuse.datasets import Batches

MAE = [metrics.MeanAbsoluteError()]


def padded(arrays, side, steps=12):
    x = np.zeros((len(arrays), steps, arrays[0].shape[1]), "float32")
    for row, values in zip(x, arrays, strict=True):
        row[slice(0, len(values)) if side == "right" else slice(steps - len(values), None)] = values
    return x


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("level", [0.25, 0.5, 0.9, 1.0])
def test_a_share_of_the_valid_steps_is_dropped(side, level):
    arrays = samples()["text"]
    x = padded(arrays, side)
    found = dropped(x, np.arange(11), level, "text", seed=0)
    real = x.any(axis=-1)
    kept = found.any(axis=-1)
    assert not (kept & ~real).any()
    lengths = np.array([len(a) for a in arrays])
    np.testing.assert_array_equal(kept.sum(1), [n - round(level * n) for n in lengths])
    np.testing.assert_array_equal(found[kept], x[kept])
    # The input is left alone.
    np.testing.assert_array_equal(x, padded(arrays, side))


def test_ids_are_dropped_to_zero():
    ids = np.array([[5, 7, 9, 2, 0, 0]], "int32")
    found = dropped(ids, [0], 0.5, "text", seed=0)
    assert found.dtype == "int32" and (found != 0).sum() == 2 and not found[0, 4:].any()


def test_draws_know_neither_padding_nor_batches():
    arrays = samples()["text"]
    right, left = padded(arrays, "right"), padded(arrays, "left")
    spread = np.ones(3)
    for corrupt in (
        lambda x, rows: dropped(x, rows, 0.5, "text", seed=1),
        lambda x, rows: noisy(x, rows, 0.5, "text", 1, spread),
    ):
        whole = corrupt(right, np.arange(11))
        np.testing.assert_array_equal(whole[3:5], corrupt(right[3:5], np.array([3, 4])))
        other = corrupt(left, np.arange(11))
        for a, b, values in zip(whole, other, arrays, strict=True):
            np.testing.assert_array_equal(a[: len(values)], b[12 - len(values) :])


def test_higher_levels_drop_what_lower_ones_drop():
    x = padded(samples()["text"], "right")
    low, high = (dropped(x, np.arange(11), p, "text", 0) for p in (0.25, 0.75))
    assert not (high.any(axis=-1) & ~low.any(axis=-1)).any()
    order = order_of_removal(11, "text", 0)
    few, many = (removed(x, np.arange(11), p, order).any(axis=(1, 2)) for p in (0.25, 0.75))
    assert few.sum() == 11 - 3 and many.sum() == 11 - 8 and not (many & ~few).any()
    assert not removed(x, np.arange(11), 1.0, order).any()


def test_noise_is_relative_to_each_features_spread():
    rng = np.random.default_rng(0)
    arrays = [rng.normal([0.0, 5.0, 1.0], [1.0, 10.0, 0.0], (900, 3)) for _ in range(4)]
    data = Batches({"text": arrays, "audio": [a[:, :1] for a in arrays]}, np.zeros(4), batch_size=3)
    spread = feature_spread(data)["text"]
    np.testing.assert_allclose(spread, np.concatenate(arrays).std(axis=0), rtol=1e-5, atol=1e-6)
    x = padded(arrays, "left", 1000)
    found = noisy(x, np.arange(4), 0.5, "text", 0, spread)
    real = x.any(axis=-1)
    assert not found[~real].any()
    change = (found - x)[real]
    # 3600 draws: the standard error of an sd is about 1.2 %.
    np.testing.assert_allclose(change.std(axis=0), 0.5 * spread, rtol=0.06, atol=1e-6)
    np.testing.assert_allclose(change.mean(axis=0), 0.0, atol=0.05 * spread.max())


def test_images_get_noise_and_lose_no_steps():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(6, 4, 4, 2)).astype("float32")
    images[2] = 0.0  # absent
    data = Batches({"image": images, "text": [np.ones((2, 3))] * 6}, np.zeros(6))
    spread = feature_spread(data)
    there = np.delete(images, 2, axis=0).reshape(-1, 2)
    np.testing.assert_allclose(spread["image"], there.std(axis=0), rtol=1e-5)
    found = noisy(images, np.arange(6), 1.0, "image", 0, spread["image"])
    changed = (found != images).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(changed, np.arange(6) != 2)

    class Mean(SumOfSums):
        def call(self, inputs):
            return inputs["image"][:, :1, 0, 0]

    curves = robustness(Mean(), data, MAE, {"dropped": [0.5], "noise": [1.0]}).curves
    assert list(curves["dropped"]) == ["text"]
    assert list(curves["noise"]) == ["image", "text", "all"]
    of_images = Batches({"image": images, "text": images + 1}, np.zeros(6))
    found = robustness(Mean(), of_images, MAE, {"dropped": [0.5], "removed": [1.0]})
    assert list(found.curves) == ["removed"]


def test_curves_of_an_additive_model():
    data, model = batches(), SumOfSums()
    found = robustness(model, data, MAE, {"removed": [0.5, 1.0], "dropped": [1.0]})
    truth = sums(samples())
    assert found.clean["mae"] == pytest.approx(0.5, abs=1e-5)
    for m, weight in WEIGHTS.items():
        gone = np.abs(0.5 + weight * truth[m])
        levels, values = found.curve("removed", m, "mae")
        assert levels == [0.0, 0.5, 1.0]
        half = np.where(order_of_removal(11, m, 0) < round(0.5 * 11), gone, 0.5)
        assert values == pytest.approx([0.5, half.mean(), gone.mean()], abs=1e-5)
        # Without any step a modality is gone.
        assert found.curve("dropped", m, "mae")[1][1] == pytest.approx(gone.mean(), abs=1e-5)
    nothing = np.abs(0.5 + sum(WEIGHTS[m] * truth[m] for m in WEIGHTS)).mean()
    assert found.curves["dropped"]["all"][1.0]["mae"] == pytest.approx(nothing, abs=1e-5)
    rows = found.table("mae")
    assert len(rows) == 3 * 2 + 4
    assert all(change == pytest.approx(value - found.clean["mae"]) for *_, value, change in rows)


def test_seeds_and_batches():
    model, levels = SumOfSums(), {"removed": [0.5], "dropped": [0.5], "noise": [1.0]}
    passes = []
    found = robustness(
        model, batches(), MAE, levels, seed=3, progress=lambda *at: passes.append(at)
    )
    assert passes == [(i + 1, 11) for i in range(11)]
    other = robustness(model, batches(batch_size=3, padding="left"), MAE, levels, seed=3)
    again = robustness(model, batches(), MAE, levels, seed=4)
    values = [[value for *_, value, _ in result.table("mae")] for result in (found, other, again)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert values[0] != pytest.approx(values[2], rel=1e-2)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ({"shaken": [0.5]}, "removed, dropped, noise. Received: levels={'shaken'"),
        ({"dropped": [1.5]}, r"at most 1. Received: \[1.5\]"),
        ({"noise": [0]}, "'noise' above 0, finite"),
        ({"removed": []}, r"Received: \[\]"),
    ],
)
def test_levels_that_are_none_are_refused(levels, words):
    with pytest.raises(ValueError, match=words):
        robustness(SumOfSums(), batches(), MAE, levels)


def test_batches_that_cannot_be_scored_are_refused():
    with pytest.raises(ValueError, match="shuffle=False"):
        robustness(SumOfSums(), batches(shuffle=True), MAE)
    with pytest.raises(ValueError, match="labels to score by"):
        robustness(SumOfSums(), Batches(samples()), MAE)


def test_the_figure_has_a_panel_for_each_corruption(monkeypatch):
    found = robustness(SumOfSums(), batches(), MAE, {"removed": [1.0], "noise": [1.0, 2.0]})
    figure = robustness_figure(found, "mae", title="A model")
    removed_panel, noise_panel = figure.axes
    assert [line.get_label() for line in removed_panel.lines] == list(WEIGHTS)
    line = noise_panel.lines[-1]
    assert line.get_label() == "all"
    levels, values = found.curve("noise", "all", "mae")
    np.testing.assert_allclose(line.get_xydata(), np.stack([levels, values], 1))
    with pytest.raises(ValueError, match="one of mae. Received: 'f1'"):
        robustness_figure(found, "f1")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"kerasfuse-zoo\[report\]"):
        robustness_figure(found, "mae")
