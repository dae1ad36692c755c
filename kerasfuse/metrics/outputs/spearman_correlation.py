"""SpearmanCorrelation: whether outputs are in the order of the labels."""

import keras
from keras import ops

from kerasfuse.metrics.outputs.kept_outputs import CAPACITY, KeptOutputs


@keras.saving.register_keras_serializable(package="kerasfuse")
class SpearmanCorrelation(KeptOutputs):
    """Measure Spearman's rank correlation: Pearson's of the ranks, ties sharing the mean of theirs.

    It has to keep the samples, and keeps the last 32,768. Labels or outputs that are all alike have
    correlation 0. Weights other than 0 are not heeded.

    Args:
        num_outputs: number of outputs of the model.
        output: position of the one that is measured, or `None` for the mean over all.
        capacity: number of samples that are kept.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true, y_pred, sample_weight: as in `OutputError`.

    Raises:
        ValueError: for a position that is none, and other shapes.

    Example:

    >>> metric = SpearmanCorrelation()
    >>> metric.update_state([1.0, 2.0, 3.0], [[0.1], [0.2], [9.0]])
    >>> round(float(metric.result()), 4)
    1.0
    """

    def __init__(self, num_outputs=1, output=None, capacity=CAPACITY, name="spearman", dtype=None):
        super().__init__(num_outputs, output, capacity, name, dtype)

    def per_output(self):
        labels, outputs, counts = self.samples()
        return ops.stack([_correlation(labels[i], outputs[i], counts) for i in range(self.columns)])


def _correlation(labels, outputs, counts):
    weight = ops.cast(counts, "float32")
    number = ops.maximum(ops.sum(weight), 1.0)
    centred = [
        weight * (ranks - ops.sum(weight * ranks) / number)
        for ranks in (_ranks(labels, counts), _ranks(outputs, counts))
    ]
    left, right = (ops.sum(x * x) for x in centred)
    constant = ops.logical_or(left == 0, right == 0)
    below = ops.where(constant, 1.0, ops.sqrt(left) * ops.sqrt(right))
    found = ops.where(constant, 0.0, ops.sum(centred[0] * centred[1]) / below)
    readable = ops.all(ops.logical_or(ops.isfinite(outputs), ops.logical_not(counts)))
    return ops.where(readable, found, float("nan"))


def _ranks(values, counts):
    """Return ranks from 0, those of ties their mean; of samples that do not count, anything."""
    values = ops.where(counts, values, float("inf"))
    ordered = ops.sort(values)
    first = ops.searchsorted(ordered, values, side="left")
    behind = ops.searchsorted(ordered, values, side="right")
    return ops.cast(first + behind - 1, "float32") / 2.0
