"""Metrics of arrays, without a model."""

import numpy as np

from kerasfuse.tables import Results


def evaluate(metrics, y_true, y_pred, sample_weight=None):
    """Score arrays with metrics, in one call and without a model.

    The metrics are reset before and after, so one list serves any number of calls.

    Args:
        metrics: a list such as `metrics.sentiment("mosi")` returns.
        y_true: labels, as the metrics take them.
        y_pred: outputs, as the metrics take them; scores of outputs that are not finite are NaN.
        sample_weight: (samples,) or `None`; 0 leaves a sample out.

    Returns:
        A dict from metric name to float, which a notebook shows as a table.

    Raises:
        ValueError: different or zero numbers of samples, or labels that are not finite.

    Example:

    >>> from kerasfuse.metrics.suites import binary
    >>> evaluate(binary(), [0, 1, 1, 1], [[1.0], [1.0], [1.0], [1.0]])["accuracy"]
    0.75
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim == 0 or len(y_true) == 0 or y_pred.shape[:1] != y_true.shape[:1]:
        raise ValueError(
            "`y_true` and `y_pred` expected the same number of samples, at least one. "
            f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
        )
    if not np.isfinite(y_true).all():
        raise ValueError(
            "`y_true` expected finite labels. Received: "
            f"{np.count_nonzero(~np.isfinite(y_true))} that are NaN or infinite"
        )
    results = Results()
    for metric in metrics:
        metric.reset_state()
        metric.update_state(y_true, y_pred, sample_weight=sample_weight)
        results[metric.name] = float(metric.result())
        metric.reset_state()
    return results
