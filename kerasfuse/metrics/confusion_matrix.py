"""The confusion matrix of labels and outputs."""

import numpy as np
from keras import ops

from kerasfuse.metrics.confusion import Confusion


def confusion_matrix(label_scheme, y_true, y_pred, sample_weight=None, seven_logits="expected"):
    """Count how often each class is taken for each other.

        C_ij = sum of the weights of samples of class i that are predicted to be of class j

    Args:
        label_scheme: how values become classes, as in `ClassAccuracy`.
        y_true, y_pred, sample_weight: arrays, as in `ClassAccuracy`.
        seven_logits: as in `ClassAccuracy`.

    Returns:
        Array `(classes, classes + 1)`, a row for each true class; the last column counts outputs
        that are not finite, which belong to no class.

    Raises:
        ValueError: an unknown scheme, or a shape that cannot be read.

    Example:

    >>> confusion_matrix("logit", np.array([0, 0, 1]), np.array([[-1.0], [2.0], [3.0]])).tolist()
    [[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    counts = Confusion(label_scheme, seven_logits)
    counts.update_state(y_true, y_pred, sample_weight)
    return np.asarray(ops.convert_to_numpy(counts.counts))
