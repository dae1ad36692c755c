"""Metrics of numbers and of presences against SciPy, scikit-learn and NumPy in float64."""

import keras
import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score, f1_score

from kerasfuse import metrics
from kerasfuse.metrics import conventions


def concordance(y, p):
    return (
        2
        * np.mean((y - y.mean()) * (p - p.mean()))
        / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)
    )


ORACLES = {
    "mae": lambda y, p: np.abs(y - p).mean(),
    "rmse": lambda y, p: np.sqrt(((y - p) ** 2).mean()),
    "corr": lambda y, p: pearsonr(y, p)[0],
    "spearman": lambda y, p: spearmanr(y, p)[0],
    "concordance": concordance,
}


def in_batches(suite, y, p, sizes=(7, 1, 30, 22), weights=None):
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        for metric in suite:
            metric.update_state(y[rows], p[rows], None if weights is None else weights[rows])
        start += size
    return {metric.name: float(metric.result()) for metric in suite}


def numbers(outputs, seed=0):
    rng = np.random.default_rng(seed)
    # Far from 0, with ties: ratings.
    y = 100 + np.round(3 * rng.normal(size=(60, outputs)))
    return y, np.round(y + 2 * rng.normal(size=y.shape), 1)


def test_numbers_are_those_of_scipy():
    y, p = numbers(1)
    found = in_batches(metrics.regression(), y, p)
    assert list(found) == list(ORACLES)
    for name, oracle in ORACLES.items():
        # float32 at values of 100 keeps about 1e-5.
        assert found[name] == pytest.approx(oracle(y[:, 0], p[:, 0]), abs=2e-5), name


def test_each_of_several_numbers_and_their_mean():
    y, p = numbers(3)
    found = in_batches(metrics.regression(["a", "b b", "c"]), y, p)
    for metric, oracle in ORACLES.items():
        each = [oracle(y[:, i], p[:, i]) for i in range(3)]
        assert found[f"mean_{metric}"] == pytest.approx(np.mean(each), abs=2e-5)
        for name, value in zip(("a", "b_b", "c"), each, strict=True):
            assert found[f"{name}_{metric}"] == pytest.approx(value, abs=2e-5)


def test_presences_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = (rng.random((60, 3)) < [0.2, 0.5, 0.8]).astype(float)
    logits = np.round(rng.normal(size=y.shape) + y, 1)  # with ties
    found = in_batches(metrics.multilabel(["x", "y", "mean"]), y, logits)
    f1 = f1_score(y, logits > 0, average=None)
    precision = [average_precision_score(y[:, i], logits[:, i]) for i in range(3)]
    assert found["mean_f1"] == pytest.approx(f1.mean(), abs=1e-6)
    assert found["mean_ap"] == pytest.approx(np.mean(precision), abs=1e-6)
    for i, name in enumerate(("x", "y", "mean_2")):
        assert found[f"{name}_f1"] == pytest.approx(f1[i], abs=1e-6)
        assert found[f"{name}_ap"] == pytest.approx(precision[i], abs=1e-6)


@pytest.mark.parametrize("suite", [metrics.regression, lambda: metrics.multilabel(["x"])])
def test_a_sample_of_weight_0_is_left_out(suite):
    y, p = numbers(1)
    y = y if suite is metrics.regression else (y > 100).astype(float)
    weights = (np.arange(60) % 3 > 0).astype(float)
    bad = np.where(weights[:, None] > 0, p, np.nan)
    kept = weights > 0
    wanted = in_batches(suite(), y[kept], p[kept], (40,))
    assert in_batches(suite(), y, bad, weights=weights) == pytest.approx(wanted, abs=2e-5)


@pytest.mark.parametrize("suite", [metrics.regression, lambda: metrics.multilabel(["x"])])
def test_outputs_that_are_no_numbers_have_no_score(suite):
    y = np.array([[0.0], [1.0], [1.0]])
    found = in_batches(suite(), y, np.array([[0.3], [np.nan], [0.1]]), (3,))
    assert all(np.isnan(value) for value in found.values())


def test_constant_predictions_have_correlation_0():
    found = in_batches(metrics.regression(), np.arange(4.0)[:, None], np.ones((4, 1)), (4,))
    assert [found[name] for name in ("corr", "spearman", "concordance")] == [0, 0, 0]


def test_more_samples_than_are_kept():
    y, p = numbers(1)
    metric = metrics.SpearmanCorrelation(capacity=20)
    found = in_batches([metric], y, p)["spearman"]
    assert found == pytest.approx(spearmanr(y[-20:, 0], p[-20:, 0])[0], abs=1e-6)


def test_in_fit_and_evaluate():
    y, p = numbers(2)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile("sgd", "mae", weighted_metrics=metrics.regression(["a", "b"]))
    found = model.evaluate(p, y, batch_size=16, verbose=0, return_dict=True)
    for name in ("a", "b"):
        i = "ab".index(name)
        for metric, oracle in ORACLES.items():
            assert found[f"{name}_{metric}"] == pytest.approx(oracle(y[:, i], p[:, i]), abs=2e-5)


@pytest.mark.parametrize("metric", [*metrics.regression(["a", "b"]), *metrics.multilabel("ab")])
def test_config_restores_a_metric(metric):
    again = type(metric).from_config(metric.get_config())
    y = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    p = np.array([[0.1, -0.3], [0.5, 0.2], [-0.2, 0.3]])
    for each in (metric, again):
        each.reset_state()
        each.update_state(y, p)
    assert float(metric.result()) == float(again.result())
    assert again.name == metric.name


def test_wrong_shapes_are_told():
    with pytest.raises(ValueError, match=r"`y_pred` expected shape \(batch, 2\)"):
        metrics.OutputError(num_outputs=2).update_state(np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="output=2"):
        metrics.OutputError(num_outputs=2, output=2)


def test_how_they_are_written():
    assert conventions.lower_is_better("val_mean_rmse")
    # A name of one's own may hold anything.
    assert not conventions.in_percent("accent_corr") and not conventions.in_percent("face_mae")
    assert conventions.in_percent("accent_ap") and conventions.in_percent("mean_f1")
