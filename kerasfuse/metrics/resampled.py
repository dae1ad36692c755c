"""Metrics of many resamples of the same samples, at once."""

import math

import numpy as np
from keras import ops

from kerasfuse import backend
from kerasfuse.metrics.balanced_accuracy import BalancedAccuracy
from kerasfuse.metrics.class_accuracy import ClassAccuracy
from kerasfuse.metrics.evaluate import evaluate
from kerasfuse.metrics.macro_f1 import MacroF1
from kerasfuse.metrics.mean_absolute_error import MeanAbsoluteError
from kerasfuse.metrics.mean_of_metrics import MeanOfMetrics
from kerasfuse.metrics.outputs.output_correlation import OutputCorrelation
from kerasfuse.metrics.outputs.output_error import OutputError
from kerasfuse.metrics.outputs.presence_f1 import PresenceF1
from kerasfuse.metrics.pearson_correlation import PearsonCorrelation
from kerasfuse.metrics.weighted_f1 import WeightedF1

# Metrics of tensor operations alone. Those by ranks keep samples, and others may do anything.
_VECTORIZED = (
    *(BalancedAccuracy, ClassAccuracy, MacroF1, MeanAbsoluteError, OutputCorrelation, OutputError),
    *(PearsonCorrelation, PresenceF1, WeightedF1),
)
# Entries of the largest tensor: a count matrix of each sample of each resample.
_ENTRIES = 2**24


def evaluate_resamples(metrics, y_true, y_pred, rows):
    """Score resamples of the same samples.

        scores[b] = metric(y_true[rows[b]], y_pred[rows[b]])

    Args:
        metrics, y_true, y_pred: see `evaluate`.
        rows: whole numbers (resamples, samples), positions of samples.

    Returns:
        A dict from metric name to an array (resamples,).

    Raises:
        ValueError: as `evaluate`.

    Example:

    >>> from kerasfuse.metrics.suites import binary
    >>> rows = np.array([[0, 1], [1, 1]])
    >>> evaluate_resamples(binary(), np.array([0, 1]), np.ones((2, 1)), rows)["accuracy"]
    array([0.5, 1. ])
    """
    evaluate(metrics, y_true, y_pred)  # raises
    return {metric.name: _scores(metric, y_true, y_pred, rows) for metric in metrics}


def _scores(metric, y_true, y_pred, rows):
    # TensorFlow takes longer to trace a map than for a thousand turns of a loop.
    if backend.name() == "tensorflow" or not _is_vectorized(metric):
        found = [evaluate([metric], y_true[each], y_pred[each])[metric.name] for each in rows]
        return np.array(found)
    metric.reset_state()
    empty = [ops.convert_to_tensor(variable) for variable in metric.variables]
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)

    def score(each):
        picked = (ops.take(x, each, axis=0) for x in (y_true, y_pred))
        return ops.convert_to_tensor(
            metric.stateless_result(metric.stateless_update_state(empty, *picked))
        )

    size = max([math.prod(variable.shape) for variable in metric.variables])
    step = max(1, _ENTRIES // (rows.shape[1] * size))
    found = [
        ops.vectorized_map(score, ops.convert_to_tensor(rows[first : first + step], "int32"))
        for first in range(0, len(rows), step)
    ]
    return np.concatenate([ops.convert_to_numpy(each) for each in found]).astype("float64")


def _is_vectorized(metric):
    if type(metric) is MeanOfMetrics:
        return all(map(_is_vectorized, metric.parts))
    return type(metric) in _VECTORIZED
