"""WeightedF1: F1 averaged over classes by their size."""

import keras
from keras import ops

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.metrics.confusion import Confusion
from kerasfuse.nearest_names import choose


@renamed_arguments(reading="label_scheme")
@keras.saving.register_keras_serializable(package="kerasfuse")
class WeightedF1(Confusion):
    """Measure the F1 of each class, averaged by class size, over the whole data set.

        sum_c s_c F1_c / sum_c s_c,   F1_c = 2 TP_c / (T_c + P_c)

    with T_c samples that are, P_c samples that are predicted to be, and TP_c samples that are both,
    of class c. The sizes s_c are T_c, or P_c in the legacy form. A class that is neither present
    nor predicted has F1 0 and size 0.

    MulT (Tsai et al., ACL 2019) and MISA publish the legacy form on CMU-MOSI and CMU-MOSEI: their
    code hands the predictions over as truth. Single F1 columns that follow MulT are `mosi_non0`
    with `weights_from="prediction"`; MMSA's are `weights_from="truth"`.

    Args:
        label_scheme: how values become classes, as in `ClassAccuracy`.
        weights_from: `"truth"` or `"prediction"`.
        seven_logits: as in `ClassAccuracy`.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true, y_pred, sample_weight: as in `ClassAccuracy`.

    Raises:
        ValueError: an unknown scheme or `weights_from`, or a shape that cannot be read.

    Example:

    >>> metric = WeightedF1("mosi_has0")
    >>> metric.update_state([-1.0, -2.0, 0.0, 2.0], [[-0.5], [0.5], [0.1], [1.0]])
    >>> round(float(metric.result()), 4)
    0.7333
    """

    def __init__(
        self, label_scheme, weights_from="truth", seven_logits="expected", name="f1", dtype=None
    ):
        super().__init__(label_scheme, seven_logits, name, dtype)
        self.weights_from = choose("weights_from", weights_from, ("truth", "prediction"))

    def result(self):
        square = self.counts[:, :-1]
        true = ops.sum(self.counts, axis=1)
        predicted = ops.sum(square, axis=0)
        f1 = ops.divide_no_nan(2.0 * ops.diagonal(square), true + predicted)
        sizes = true if self.weights_from == "truth" else predicted
        return self.of_finite(ops.divide_no_nan(ops.sum(sizes * f1), ops.sum(sizes)))

    def get_config(self):
        return {**super().get_config(), "weights_from": self.weights_from}
