"""MacroF1: F1 averaged over classes, whatever their size."""

import keras
from keras import ops

from kerasfuse.metrics.confusion import Confusion


@keras.saving.register_keras_serializable(package="kerasfuse")
class MacroF1(Confusion):
    """Measure the F1 of each class, averaged with equal weights, over the whole data set.

        mean_c F1_c,   F1_c = 2 TP_c / (T_c + P_c)

    with T_c samples that are, P_c samples that are predicted to be, and TP_c samples that are both,
    of class c. The mean is over the classes with T_c + P_c > 0: a class that does not occur says
    nothing, and counts neither as right nor as wrong (as in scikit-learn).

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

    >>> metric = MacroF1("classes_3")
    >>> metric.update_state([0, 0, 1], [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 2.0, 0.0]])
    >>> round(float(metric.result()), 4)   # classes 0 and 1; class 2 does not occur
    0.6667
    """

    def __init__(self, label_scheme, seven_logits="expected", name="macro_f1", dtype=None):
        super().__init__(label_scheme, seven_logits, name, dtype)

    def result(self):
        square = self.counts[:, :-1]
        either = ops.sum(self.counts, axis=1) + ops.sum(square, axis=0)
        f1 = ops.divide_no_nan(2.0 * ops.diagonal(square), either)
        occurs = ops.cast(either > 0, self.dtype)
        return self.of_finite(ops.divide_no_nan(ops.sum(f1), ops.sum(occurs)))
