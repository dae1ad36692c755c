"""Metrics of many resamples at once against the metrics of each resample alone."""

import keras
import numpy as np
import pytest

from kerasfuse import metrics
from kerasfuse.metrics import resampled
from kerasfuse.metrics.resampled import evaluate_resamples

RNG = np.random.default_rng(0)
SAMPLES = 40
ROWS = RNG.integers(0, SAMPLES, (9, SAMPLES))
SCORES = RNG.uniform(-3, 3, (SAMPLES, 1))
SEVEN = RNG.normal(size=(SAMPLES, 7)).astype("float32")


def noisy(x):
    return (x + RNG.normal(size=x.shape)).astype("float32")


SUITES = {
    "mosi": (metrics.sentiment("mosi"), SCORES, noisy(SCORES)),
    "mosi, seven logits": (metrics.sentiment("mosi", "prediction", "argmax"), SCORES, SEVEN),
    "sims": (metrics.sentiment("sims"), SCORES / 3, noisy(SCORES / 3)),
    "binary": (metrics.binary(), RNG.integers(0, 2, SAMPLES), SCORES.astype("float32")),
    "classes": (metrics.multiclass(7), RNG.integers(0, 7, SAMPLES), SEVEN),
    "iemocap": (metrics.emotion(), RNG.integers(0, 2, (SAMPLES, 4)), RNG.normal(size=(SAMPLES, 8))),
    "emotions": (
        metrics.emotion("mosei"),
        RNG.integers(0, 2, (SAMPLES, 6)),
        RNG.normal(size=(SAMPLES, 6)),
    ),
    "numbers": (metrics.regression(["a", "b"]), *(RNG.normal(size=(2, SAMPLES, 2)))),
    "labels": (metrics.multilabel(["a", "b"]), RNG.integers(0, 2, (SAMPLES, 2)), SEVEN[:, :2]),
}

if keras.config.backend() != "torch":
    # Where operations are compiled a suite takes many seconds, and they are the same ones.
    SUITES = {"mosi": SUITES["mosi"]}


class Largest(keras.metrics.Metric):
    """A metric that somebody wrote in numpy."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value = float(np.max(y_pred))

    def result(self):
        return self.value


@pytest.mark.parametrize("name", SUITES)
def test_resamples_are_scored_as_each_alone(name, monkeypatch):
    suite, y, p = SUITES[name]
    # Four resamples of one number at a time, and one of count matrices.
    monkeypatch.setattr(resampled, "_ENTRIES", 4 * SAMPLES)
    found = evaluate_resamples(suite, y, p, ROWS)
    assert list(found) == [metric.name for metric in suite]
    for b, rows in enumerate(ROWS):
        alone = metrics.evaluate(suite, y[rows], p[rows])
        for metric, values in found.items():
            assert values[b] == pytest.approx(alone[metric], abs=1e-6, nan_ok=True), metric
    spread = [np.ptp(values) for values in found.values()]
    assert max(spread) > 0.05


def test_outputs_that_are_not_finite():
    y, p = SCORES, SCORES.astype("float32").copy()
    p[3] = np.nan
    found = evaluate_resamples([metrics.ClassAccuracy("mosi_7")], y, p, ROWS)["accuracy"]
    drawn = (ROWS == 3).any(axis=1)
    assert drawn.any() and not drawn.all()
    assert np.isnan(found[drawn]).all() and (found[~drawn] == 1).all()


def test_other_metrics_are_called_resample_by_resample():
    found = evaluate_resamples([Largest(name="largest")], SCORES, SCORES, ROWS)
    assert found["largest"] == pytest.approx(SCORES[ROWS].max(axis=(1, 2)))
