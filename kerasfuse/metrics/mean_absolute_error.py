"""MeanAbsoluteError: the error of a score, in label units."""

import keras
from keras import ops

from kerasfuse.metrics.scores import SEVEN_LOGITS, labels, scores, weights
from kerasfuse.nearest_names import choose


@keras.saving.register_keras_serializable(package="kerasfuse")
class MeanAbsoluteError(keras.Metric):
    """Measure the mean absolute error over the whole data set, in label units.

        sum_n w_n |p_n - y_n| / sum_n w_n

    On unclipped values for CMU-MOSI and CMU-MOSEI (MulT, Tsai et al., ACL 2019); CH-SIMS clips
    both to [-1, 1] first (MMSA). Unlike Keras' own it computes in float32 under mixed precision,
    takes labels of shape (batch, 1, 1) and reads seven logits.

    Args:
        clip: clip labels and scores to [-clip, clip], or `None`.
        seven_logits: as in `ClassAccuracy`.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true: (batch,), (batch, 1) or (batch, 1, 1) labels.
        y_pred: (batch, 1) scores or (batch, 7) logits.
        sample_weight: (batch,) or (batch, 1); 0 leaves a sample out.

    Raises:
        ValueError: a shape that cannot be read.

    Example:

    >>> metric = MeanAbsoluteError()
    >>> metric.update_state([-1.0, 2.0], [[0.0], [4.0]])
    >>> float(metric.result())
    1.5
    """

    def __init__(self, clip=None, seven_logits="expected", name="mae", dtype=None):
        super().__init__(name=name, dtype=dtype or "float32")
        self.clip = clip
        self.seven_logits = choose("seven_logits", seven_logits, SEVEN_LOGITS)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted = labels(y_true), scores(y_pred, self.seven_logits)
        if self.clip is not None:
            true = ops.clip(true, -self.clip, self.clip)
            predicted = ops.clip(predicted, -self.clip, self.clip)
        weight = weights(sample_weight, true)
        # A sample that is left out may hold NaN, and 0 * NaN is NaN.
        error = ops.where(weight == 0, 0.0, ops.abs(predicted - true))
        self.total.assign(self.total + ops.cast(ops.sum(weight * error), self.dtype))
        self.count.assign(self.count + ops.cast(ops.sum(weight), self.dtype))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self):
        return {**super().get_config(), "clip": self.clip, "seven_logits": self.seven_logits}
