"""OutputError: how far outputs are from labels, in the label's units."""

import keras
from keras import ops

from kerasfuse.metrics.outputs.selection import OfOutputs
from kerasfuse.nearest_names import choose

KINDS = ("mae", "rmse")


@keras.saving.register_keras_serializable(package="kerasfuse")
class OutputError(OfOutputs):
    """Measure the mean absolute or the root mean squared error over the whole data set.

        mae:   sum_n w_n |p_n - y_n| / sum_n w_n
        rmse:  sqrt(sum_n w_n (p_n - y_n)^2 / sum_n w_n)

    Args:
        kind: `"mae"` or `"rmse"`.
        num_outputs: number of outputs of the model.
        output: position of the one that is measured, or `None` for the mean over all.
        name: name in logs, by default `kind`.
        dtype: dtype of state and result.

    Call arguments:
        y_true: labels `(batch, num_outputs)`; `(batch,)` for one.
        y_pred: outputs, likewise.
        sample_weight: `(batch,)`; 0 leaves a sample out.

    Raises:
        ValueError: for an unknown kind, a position that is none, and other shapes.

    Example:

    >>> metric = OutputError("rmse", num_outputs=2)
    >>> metric.update_state([[0.0, 0.0]], [[3.0, 1.0]])
    >>> float(metric.result())
    2.0
    """

    def __init__(self, kind="mae", num_outputs=1, output=None, name=None, dtype=None):
        super().__init__(num_outputs, output, name or choose("kind", kind, KINDS), dtype)
        self.kind = choose("kind", kind, KINDS)
        self.total = self.add_variable((self.columns,), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted, weight = self.read(y_true, y_pred, sample_weight)
        error = predicted - true
        error = ops.abs(error) if self.kind == "mae" else ops.square(error)
        weighted = ops.sum(ops.expand_dims(weight, 1) * error, axis=0)
        self.total.assign(self.total + ops.cast(weighted, self.dtype))
        self.count.assign(self.count + ops.cast(ops.sum(weight), self.dtype))

    def per_output(self):
        mean = ops.divide_no_nan(ops.convert_to_tensor(self.total), self.count)
        return mean if self.kind == "mae" else ops.sqrt(mean)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}
