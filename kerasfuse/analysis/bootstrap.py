"""How much metrics, and differences of metrics, owe to the samples that happened to be tested."""

from typing import NamedTuple

import numpy as np

from kerasfuse.metrics.resampled import evaluate_resamples
from kerasfuse.tables import Results


class Interval(NamedTuple):
    """A value and the ends of its bootstrap interval; NaN where no resample defines the value."""

    value: float
    low: float
    high: float


def bootstrap(metrics, labels, predictions, resamples=1000, confidence=0.95, seed=0):
    r"""Give each metric a bootstrap interval over test samples.

        theta_b = metric(labels[I_b], predictions[I_b]),   I_b of n draws from n with replacement
        interval = quantiles (1 - c)/2 and (1 + c)/2 of theta_1 .. theta_B

    Of several seeds' predictions it is the mean of the metric over the seeds, on the same resample.

    Reference: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, the percentile
    interval.

    Args:
        metrics: list such as `kerasfuse.metrics.sentiment("mosi")`.
        labels: array `(samples, ...)`.
        predictions: array `(samples, outputs)`, or a list of them, one a seed.
        resamples: B.
        confidence: c, between 0 and 1.
        seed: seed of the draws.

    Returns:
        Dict of metric name to `Interval`, which a notebook shows as a table.

    Raises:
        ValueError: for other numbers of samples than labels, or a confidence or number that is
            none.

    Example:

    >>> from kerasfuse import metrics
    >>> labels, outputs = np.array([0, 1, 1, 1] * 25), np.ones((100, 1))
    >>> found = bootstrap(metrics.binary(), labels, outputs, resamples=50)["accuracy"]
    >>> found.value, found.low < 0.75 < found.high
    (0.75, True)
    """
    labels, runs = _checked(labels, [predictions], resamples, confidence)
    value, draws = _resampled(metrics, labels, runs, resamples, seed)
    return _intervals({m: value[0][m] for m in value[0]}, draws[0], confidence)


def paired_bootstrap(metrics, labels, a, b, resamples=1000, confidence=0.95, seed=0):
    r"""Give the difference of each metric between two models a bootstrap interval.

        d_b = metric(labels[I_b], a[I_b]) - metric(labels[I_b], b[I_b])

    Both are scored on the same resample, so that samples which are hard for both cancel; an
    interval without 0 says that the difference is not one of the samples that were drawn. It says
    nothing of seeds: see `paired_test`.

    Reference: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP
    2004; Efron and Tibshirani, 1993.

    Args:
        metrics: list such as `kerasfuse.metrics.sentiment("mosi")`.
        labels: array `(samples, ...)`.
        a: predictions of one model, `(samples, outputs)`, or a list of them, one a seed, whose mean
            of the metric is compared.
        b: those of the other model on the same samples; its seeds may be others.
        resamples, confidence, seed: see `bootstrap`.

    Returns:
        Dict of metric name to `Interval` of a - b, which a notebook shows as a table.

    Raises:
        ValueError: as `bootstrap`.

    Example:

    >>> from kerasfuse import metrics
    >>> labels, right = np.array([0, 1] * 30), np.array([[-1.0], [1.0]] * 30)
    >>> found = paired_bootstrap(metrics.binary(), labels, right, -right, resamples=50)
    >>> found["accuracy"]
    Interval(value=1.0, low=1.0, high=1.0)
    """
    labels, runs = _checked(labels, [a, b], resamples, confidence)
    values, draws = _resampled(metrics, labels, runs, resamples, seed)
    return _intervals(
        {m: values[0][m] - values[1][m] for m in values[0]},
        {m: draws[0][m] - draws[1][m] for m in draws[0]},
        confidence,
    )


def _resampled(metrics, labels, runs, resamples, seed):
    """Score every run as it is, and on each resample: lists of dicts of metric name."""
    samples = len(labels)
    generator = np.random.default_rng(seed)
    drawn = [generator.integers(0, samples, samples) for _ in range(resamples)]
    rows = np.stack([np.arange(samples), *drawn])
    scored = [_mean([evaluate_resamples(metrics, labels, x, rows) for x in run]) for run in runs]
    whole = [{metric: float(x[0]) for metric, x in each.items()} for each in scored]
    return whole, [{metric: x[1:] for metric, x in each.items()} for each in scored]


def _mean(scores):
    return {metric: np.mean([each[metric] for each in scores], axis=0) for metric in scores[0]}


def _intervals(values, draws, confidence):
    ends = (1 - confidence) / 2, (1 + confidence) / 2
    found = Results()
    for metric, value in values.items():
        # A resample of one class may leave a metric undefined; those that define it decide.
        defined = draws[metric][~np.isnan(draws[metric])]
        low, high = np.quantile(defined, ends) if defined.size else (np.nan, np.nan)
        found[metric] = Interval(float(value), float(low), float(high))
    return found


def _checked(labels, models, resamples, confidence):
    labels = np.asarray(labels)
    runs = [
        [np.asarray(x) for x in model] if isinstance(model, list | tuple) else [np.asarray(model)]
        for model in models
    ]
    for run in runs:
        for x in run or [np.empty(0)]:
            if x.ndim == 0 or len(x) != len(labels) or not len(x):
                raise ValueError(
                    "expected predictions of each of the same samples as the labels, at least one. "
                    f"Received: {len(labels)} labels, predictions of shape {x.shape}"
                )
    if not 0 < confidence < 1:
        raise ValueError(f"expected `confidence` between 0 and 1. Received: {confidence!r}")
    if type(resamples) is not int or resamples < 1:
        raise ValueError(
            f"expected `resamples` to be a whole number from 1. Received: {resamples!r}"
        )
    return labels, runs
