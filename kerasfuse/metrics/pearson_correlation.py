"""PearsonCorrelation: how labels and scores vary together."""

import keras
from keras import ops

from kerasfuse.metrics.scores import SEVEN_LOGITS, labels, scores, weights
from kerasfuse.nearest_names import choose


@keras.saving.register_keras_serializable(package="kerasfuse")
class PearsonCorrelation(keras.Metric):
    """Measure Pearson's correlation of labels and scores over the whole data set.

        r = sum_n w_n (y_n - mean y)(p_n - mean p)
            / sqrt( sum_n w_n (y_n - mean y)^2  sum_n w_n (p_n - mean p)^2 )

    (`keras.metrics.PearsonCorrelation` correlates along an axis of each sample and averages
    over batches.) Count, means and centred second moments are merged batch by batch (Chan, Golub
    and LeVeque, 1979), counted from the first sample's values, so that a constant vector has a
    variance of exactly 0 and float32 loses nothing to a large mean.

    Args:
        clip: clip labels and scores to [-clip, clip] first (CH-SIMS: 1), or `None`.
        undefined: what a vector without variance gives, be it a collapsed model's constant score
            or a single sample: `"zero"` or `"nan"`.
        seven_logits: as in `ClassAccuracy`.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true: (batch,), (batch, 1) or (batch, 1, 1) labels.
        y_pred: (batch, 1) scores or (batch, 7) logits.
        sample_weight: (batch,) or (batch, 1); 0 leaves a sample out.

    Raises:
        ValueError: a shape that cannot be read, or an unknown `undefined`.

    Example:

    >>> metric = PearsonCorrelation()
    >>> metric.update_state([-1.0, 0.0], [[1.0], [2.0]])
    >>> metric.update_state([1.0], [[3.0]])
    >>> round(float(metric.result()), 4)
    1.0
    """

    def __init__(
        self, clip=None, undefined="zero", seven_logits="expected", name="corr", dtype=None
    ):
        super().__init__(name=name, dtype=dtype or "float32")
        self.clip = clip
        self.undefined = choose("undefined", undefined, ("zero", "nan"))
        self.seven_logits = choose("seven_logits", seven_logits, SEVEN_LOGITS)
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")
        # Axis 0 of the rest is (labels, scores).
        self.origin = self.add_variable((2,), "zeros", dtype=self.dtype, name="origin")
        self.mean = self.add_variable((2,), "zeros", dtype=self.dtype, name="mean")
        self.moments = self.add_variable((2, 2), "zeros", dtype=self.dtype, name="moments")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted = labels(y_true), scores(y_pred, self.seven_logits)
        weight = weights(sample_weight, true)
        values = ops.stack([true, predicted])  # (2, batch)
        if self.clip is not None:
            values = ops.clip(values, -self.clip, self.clip)
        # A sample that is left out may hold NaN, and 0 * NaN is NaN.
        values = ops.cast(ops.where(weight == 0, 0.0, values), self.dtype)
        weight = ops.cast(weight, self.dtype)

        first = ops.argmax(ops.cast(weight != 0, "int32"))
        origin = ops.convert_to_tensor(self.origin)
        origin = ops.where(self.count == 0, ops.take(values, first, axis=1), origin)
        values = values - ops.expand_dims(origin, 1)
        count = ops.sum(weight)
        mean = ops.divide_no_nan(ops.sum(weight * values, axis=1), count)
        moments = ops.sum(weight * _outer(values - ops.expand_dims(mean, 1)), axis=-1)

        share = ops.divide_no_nan(count, self.count + count)
        step = mean - self.mean
        self.moments.assign(self.moments + moments + self.count * share * _outer(step))
        self.mean.assign(self.mean + share * step)
        self.count.assign(self.count + count)
        self.origin.assign(origin)

    def result(self):
        deviation = ops.sqrt(ops.diagonal(self.moments))
        constant = ops.any(deviation == 0)
        safe = ops.where(deviation == 0, 1.0, deviation)
        correlation = ops.clip(self.moments[0, 1] / safe[0] / safe[1], -1.0, 1.0)
        return ops.where(constant, 0.0 if self.undefined == "zero" else float("nan"), correlation)

    def get_config(self):
        return {
            **super().get_config(),
            "clip": self.clip,
            "undefined": self.undefined,
            "seven_logits": self.seven_logits,
        }


def _outer(vectors):
    # Elementwise, not a matrix product: accelerators may round its inputs to 10 bits.
    return ops.expand_dims(vectors, 0) * ops.expand_dims(vectors, 1)
