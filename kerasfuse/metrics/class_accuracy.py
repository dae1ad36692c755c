"""ClassAccuracy: the share of right classes."""

import keras
from keras import ops

from kerasfuse.deprecation import renamed_arguments
from kerasfuse.metrics.confusion import Confusion


@renamed_arguments(reading="label_scheme")
@keras.saving.register_keras_serializable(package="kerasfuse")
class ClassAccuracy(Confusion):
    """Measure the share of samples whose class is right, over the whole data set.

        sum_n w_n [c(y_n) = c(p_n)] / sum_n w_n

    where c turns a value into a class by one of these label schemes:

    | label scheme | classes |
    |---|---|
    | `mosi_7`, `mosi_5`, `mosi_3` | Acc-7, -5, -3: clip to 3, 2, 1 and round half to even |
    | `mosi_has0` | Acc-2, negative / non-negative: value >= 0, all samples |
    | `mosi_non0` | Acc-2, negative / positive: value > 0, without samples labelled exactly 0 |
    | `sims_5` | CH-SIMS: up to -0.7, -0.1, 0.1, 0.7, above |
    | `sims_3` | CH-SIMS: up to -0.1, 0.1, above |
    | `sims_2` | CH-SIMS: up to 0, above (0 is negative here) |
    | `iemocap_neutral`, `_happy`, `_sad`, `_angry` | the larger of that emotion's two logits |
    | `mosei_happy`, `_sad`, `_anger`, `_surprise`, `_disgust`, `_fear` | its logit > 0 |
    | `logit` | one logit for labels 0 / 1: logit > 0 |
    | `classes_8` and so on | the largest of 8 logits, for labels 0 to 7 |

    Conventions: MulT (Tsai et al., ACL 2019, section 4.1 and the authors' evaluation code);
    CH-SIMS (Yu et al., ACL 2020). The result is NaN if an output is not finite, and 0 with no
    sample counted. Keras hands sample weights to metrics under `weighted_metrics` only.

    Args:
        label_scheme: one of the names above.
        seven_logits: for `mosi_*`, how an output of seven logits (`losses.SentimentCrossEntropy`)
            becomes a score: `"expected"`, the mean of -3..3 under the softmax, or `"argmax"`,
            the most likely class. The papers do not say. The default gives every sentiment metric
            the same real-valued score, with a sign and an order also where the most likely class
            is 0.
        name: name in logs.
        dtype: dtype of state and result, float32 by default whatever the precision policy.

    Call arguments:
        y_true: (batch,), (batch, 1) or (batch, 1, 1) labels; IEMOCAP: one-hot pairs (batch, 4, 2)
            or class numbers (batch, 4); emotions of CMU-MOSEI: (batch, 6) of 0 and 1.
        y_pred: (batch, 1) scores, or (batch, 7) logits; IEMOCAP: (batch, 8) or (batch, 4, 2);
            emotions of CMU-MOSEI: (batch, 6) logits; `classes_8`: (batch, 8).
        sample_weight: (batch,) or (batch, 1); 0 leaves a sample out.

    Raises:
        ValueError: an unknown scheme or a shape that it cannot read.

    Example:

    >>> metric = ClassAccuracy("mosi_7")
    >>> metric.update_state([-2.6, 0.5, 1.5], [[-3.4], [0.2], [1.4]])
    >>> round(float(metric.result()), 4)
    0.6667
    """

    def __init__(self, label_scheme, seven_logits="expected", name="accuracy", dtype=None):
        super().__init__(label_scheme, seven_logits, name, dtype)

    def result(self):
        right = ops.trace(self.counts[:, :-1])
        return self.of_finite(ops.divide_no_nan(right, ops.sum(self.counts)))
