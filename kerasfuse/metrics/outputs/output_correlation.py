"""OutputCorrelation: how outputs go along with labels."""

import keras
from keras import ops

from kerasfuse.metrics.outputs.selection import OfOutputs
from kerasfuse.nearest_names import choose

KINDS = {"pearson": "corr", "concordance": "concordance"}


@keras.saving.register_keras_serializable(package="kerasfuse")
class OutputCorrelation(OfOutputs):
    """Measure Pearson's or the concordance correlation over the whole data set.

        pearson:      s_yp / (s_y s_p)
        concordance:  2 s_yp / (s_y^2 + s_p^2 + (m_y - m_p)^2)

    with means m, and variances that divide by n. Concordance also falls with a wrong scale or
    offset. Labels or outputs that are constant have correlation 0. Sums are kept around the first
    sample and the mean so far, so that labels far from 0 lose no digits.

    Reference: Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics
    1989.

    Args:
        kind: `"pearson"` or `"concordance"`.
        num_outputs: number of outputs of the model.
        output: position of the one that is measured, or `None` for the mean over all.
        name: name in logs, by default `"corr"` or `"concordance"`.
        dtype: dtype of state and result.

    Call arguments:
        y_true, y_pred, sample_weight: as in `OutputError`.

    Raises:
        ValueError: for an unknown kind, a position that is none, and other shapes.

    Example:

    >>> metric = OutputCorrelation("concordance")
    >>> metric.update_state([1.0, 2.0, 3.0], [[2.0], [3.0], [4.0]])
    >>> round(float(metric.result()), 4)   # 2 * 2/3 / (2/3 + 2/3 + 1)
    0.5714
    """

    def __init__(self, kind="pearson", num_outputs=1, output=None, name=None, dtype=None):
        super().__init__(num_outputs, output, name or KINDS[choose("kind", kind, KINDS)], dtype)
        self.kind = kind

        def state(name, *shape):
            return self.add_variable(shape, "zeros", dtype=self.dtype, name=name)

        # Axis 0 is (labels, outputs); of moments it is (labels, outputs, both).
        self.count = state("count")
        self.origin = state("origin", 2, self.columns)
        self.mean = state("mean", 2, self.columns)
        self.moments = state("moments", 3, self.columns)

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted, weight = self.read(y_true, y_pred, sample_weight)
        values, weight = ops.stack([true, predicted]), ops.cast(weight, self.dtype)
        first = ops.argmax(ops.cast(weight != 0, "int32"))
        origin = ops.convert_to_tensor(self.origin)
        origin = ops.where(self.count == 0, ops.take(values, first, axis=1), origin)
        values = values - ops.expand_dims(origin, 1)
        count, column = ops.sum(weight), ops.expand_dims(weight, 1)
        mean = ops.divide_no_nan(ops.sum(column * values, axis=1), count)
        moments = ops.sum(column * _products(values - ops.expand_dims(mean, 1)), axis=1)

        before, mean_before, moments_before = map(
            ops.convert_to_tensor, (self.count, self.mean, self.moments)
        )
        share = ops.divide_no_nan(count, before + count)
        step = mean - mean_before
        self.moments.assign(moments_before + moments + before * share * _products(step))
        self.mean.assign(mean_before + share * step)
        self.count.assign(before + count)
        self.origin.assign(origin)

    def per_output(self):
        labels, outputs, both = ops.unstack(ops.convert_to_tensor(self.moments), 3)
        constant = ops.logical_or(labels == 0, outputs == 0)
        if self.kind == "pearson":
            # Two roots: the product of two small variances could be 0.
            below = ops.sqrt(labels) * ops.sqrt(outputs)
            found = both / ops.where(constant, 1.0, below)
        else:
            place = ops.convert_to_tensor(self.origin) + self.mean
            below = labels + outputs + self.count * ops.square(place[0] - place[1])
            found = 2.0 * both / ops.where(constant, 1.0, below)
        return ops.where(constant, 0.0, ops.clip(found, -1.0, 1.0))

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


def _products(values):
    # Elementwise, not a matrix product: accelerators may round its inputs to 10 bits.
    return ops.stack([values[0] * values[0], values[1] * values[1], values[0] * values[1]])
