"""BalancedAccuracy: accuracy averaged over classes."""

import keras
from keras import ops

from kerasfuse.metrics.confusion import Confusion


@keras.saving.register_keras_serializable(package="kerasfuse")
class BalancedAccuracy(Confusion):
    """Measure the share of each class that is recognised, averaged over the classes.

        mean_c TP_c / T_c

    with T_c samples of class c, of which TP_c are recognised. The mean is over the classes with
    T_c > 0 (as in scikit-learn). Also known as unweighted average recall, UAR. A constant
    prediction scores 1 / number of classes that occur.

    Args:
        label_scheme: how values become classes, as in `ClassAccuracy`.
        seven_logits: as in `ClassAccuracy`.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true, y_pred, sample_weight: as in `ClassAccuracy`.

    Raises:
        ValueError: an unknown scheme, or a shape that cannot be read.

    Example:

    >>> metric = BalancedAccuracy("logit")
    >>> metric.update_state([0, 0, 0, 1], [[-1.0], [-1.0], [1.0], [2.0]])
    >>> round(float(metric.result()), 4)   # (2 / 3 + 1) / 2
    0.8333
    """

    def __init__(self, label_scheme, seven_logits="expected", name="balanced_accuracy", dtype=None):
        super().__init__(label_scheme, seven_logits, name, dtype)

    def result(self):
        true = ops.sum(self.counts, axis=1)
        recall = ops.divide_no_nan(ops.diagonal(self.counts[:, :-1]), true)
        occurs = ops.cast(true > 0, self.dtype)
        return self.of_finite(ops.divide_no_nan(ops.sum(recall), ops.sum(occurs)))
