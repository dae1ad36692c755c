"""The bootstrap against numpy on the same draws, and against the normal approximation."""

import math

import numpy as np
import pytest

from kerasfuse import metrics
from kerasfuse.analysis import bootstrap, paired_bootstrap


def regression(samples=60, seeds=2):
    rng = np.random.default_rng(3)
    labels = rng.uniform(-3, 3, (samples, 1))
    outputs = [labels + rng.normal(size=labels.shape) * size for size in (0.5, 1.0)[:seeds]]
    return labels, [x.astype("float32") for x in outputs]


def errors(labels, outputs):
    return np.abs(labels - outputs)[:, 0].astype("float64")


def test_it_is_the_percentile_interval_of_the_same_draws():
    labels, (outputs, _) = regression()
    found = bootstrap([metrics.MeanAbsoluteError()], labels, outputs, 200, 0.9, seed=7)["mae"]
    rng = np.random.default_rng(7)
    e = errors(labels, outputs)
    means = [e[rng.integers(0, 60, 60)].mean() for _ in range(200)]
    assert found.value == pytest.approx(e.mean(), rel=1e-5)
    assert found[1:] == pytest.approx(np.quantile(means, [0.05, 0.95]), rel=1e-5)


def test_seeds_are_averaged_on_the_same_resample():
    labels, outputs = regression()
    found = bootstrap([metrics.MeanAbsoluteError()], labels, outputs, 100)["mae"]
    rng = np.random.default_rng(0)
    e = np.mean([errors(labels, x) for x in outputs], axis=0)
    means = [e[rng.integers(0, 60, 60)].mean() for _ in range(100)]
    assert found.value == pytest.approx(e.mean(), rel=1e-5)
    assert found.low == pytest.approx(np.quantile(means, 0.025), rel=1e-5)


def test_pairs_share_their_resamples():
    labels, (a, b) = regression()
    found = paired_bootstrap([metrics.MeanAbsoluteError()], labels, a, b, 200, seed=1)["mae"]
    rng = np.random.default_rng(1)
    d = errors(labels, a) - errors(labels, b)
    means = [d[rng.integers(0, 60, 60)].mean() for _ in range(200)]
    assert found.value == pytest.approx(d.mean(), rel=1e-4)
    assert found[1:] == pytest.approx(np.quantile(means, [0.025, 0.975]), rel=1e-4)
    # A model that errs by as much more on every sample differs by just that: pairing cancels all.
    shift = 0.25 * np.sign(a - labels)
    found = paired_bootstrap([metrics.MeanAbsoluteError()], labels, a + shift, a, 50)["mae"]
    assert found == pytest.approx((0.25, 0.25, 0.25), abs=1e-5)


def test_the_width_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(0)
    labels = np.zeros((4000, 1))
    outputs = np.where(rng.random((4000, 1)) < 0.2, 1.0, -1.0)
    found = bootstrap(metrics.binary()[:1], labels, outputs, 400)["accuracy"]
    p = found.value
    half = 1.96 * math.sqrt(p * (1 - p) / 4000)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)


def test_a_metric_that_no_resample_defines_has_no_interval():
    corr = metrics.PearsonCorrelation(undefined="nan")
    found = bootstrap([corr], np.arange(5.0), np.ones((5, 1)), 10)["corr"]
    assert all(math.isnan(x) for x in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"predictions": np.ones((3, 1))}, r"5 labels, predictions of shape \(3, 1\)"),
        ({"predictions": []}, "at least one"),
        ({"confidence": 1.0}, "between 0 and 1. Received: 1.0"),
        ({"resamples": 0}, "from 1. Received: 0"),
    ],
)
def test_bad_input_is_refused(changes, words):
    arguments = {"labels": np.zeros(5), "predictions": np.ones((5, 1)), **changes}
    with pytest.raises(ValueError, match=words):
        bootstrap([metrics.MeanAbsoluteError()], **arguments)
