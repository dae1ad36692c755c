"""AveragePrecision: how well logits put those that have a label before those that have not."""

import keras
from keras import ops

from kerasfuse.metrics.outputs.kept_outputs import CAPACITY, KeptOutputs


@keras.saving.register_keras_serializable(package="kerasfuse")
class AveragePrecision(KeptOutputs):
    """Measure the average precision of labels that are present or not.

        mean over samples i with the label of  #{j with the label: p_j >= p_i} / #{j: p_j >= p_i}

    as scikit-learn defines it; 0 for a label that no sample has. It has to keep the samples, and
    keeps the last 32,768. Weights other than 0 are not heeded.

    Args:
        num_outputs: number of labels, a logit each.
        output: position of the one that is measured, or `None` for the mean over all.
        capacity: number of samples that are kept.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true: `(batch, num_outputs)` of 0 and 1.
        y_pred: `(batch, num_outputs)` logits.
        sample_weight: `(batch,)`; 0 leaves a sample out.

    Raises:
        ValueError: for a position that is none, and other shapes.

    Example:

    >>> metric = AveragePrecision()
    >>> metric.update_state([1.0, 0.0, 1.0], [[2.0], [1.0], [0.0]])
    >>> round(float(metric.result()), 4)   # (1 / 1 + 2 / 3) / 2
    0.8333
    """

    def __init__(self, num_outputs=1, output=None, capacity=CAPACITY, name="ap", dtype=None):
        super().__init__(num_outputs, output, capacity, name, dtype)

    def per_output(self):
        labels, outputs, counts = self.samples()
        return ops.stack([_precision(labels[i], outputs[i], counts) for i in range(self.columns)])


def _precision(labels, outputs, counts):
    present = ops.logical_and(labels > 0.5, counts)
    above = _not_below(ops.where(counts, outputs, float("-inf")), outputs)
    right = _not_below(ops.where(present, outputs, float("-inf")), outputs)
    weight = ops.cast(present, "float32")
    found = ops.sum(weight * right / ops.maximum(above, 1.0)) / ops.maximum(ops.sum(weight), 1.0)
    readable = ops.all(ops.logical_or(ops.isfinite(outputs), ops.logical_not(counts)))
    return ops.where(readable, found, float("nan"))


def _not_below(values, thresholds):
    """Count the values that are not below each threshold."""
    # A copy: PyTorch warns of thresholds that are a column of an array.
    below = ops.searchsorted(ops.sort(values), thresholds + 0.0, side="left")
    return ops.cast(values.shape[0] - below, "float32")
