"""PresenceF1: F1 of labels that are present or not."""

import keras
from keras import ops

from kerasfuse.metrics.outputs.selection import OfOutputs


@keras.saving.register_keras_serializable(package="kerasfuse")
class PresenceF1(OfOutputs):
    """Measure the F1 of a label that is present or not, over the whole data set.

        2 TP / (2 TP + FP + FN)

    A label is predicted where its logit is above 0. The F1 of a label that no sample has and none
    is predicted to have is 0, as in scikit-learn. The mean over labels is the macro F1.

    Args:
        num_outputs: number of labels, a logit each.
        output: position of the one that is measured, or `None` for the mean over all.
        name: name in logs.
        dtype: dtype of state and result.

    Call arguments:
        y_true: `(batch, num_outputs)` of 0 and 1.
        y_pred: `(batch, num_outputs)` logits; the result is NaN if one is not finite.
        sample_weight: `(batch,)`; 0 leaves a sample out.

    Raises:
        ValueError: for a position that is none, and other shapes.

    Example:

    >>> metric = PresenceF1()
    >>> metric.update_state([1.0, 0.0, 1.0], [[2.0], [1.0], [-1.0]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, num_outputs=1, output=None, name="f1", dtype=None):
        super().__init__(num_outputs, output, name, dtype)
        # True positives, and samples that have the label or are predicted to, both counting twice.
        self.right = self.add_variable((self.columns,), "zeros", dtype=self.dtype, name="right")
        self.either = self.add_variable((self.columns,), "zeros", dtype=self.dtype, name="either")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, predicted, weight = self.read(y_true, y_pred, sample_weight)
        weight = ops.expand_dims(ops.cast(weight, self.dtype), 1)
        said = ops.where(ops.isfinite(predicted), ops.cast(predicted > 0, self.dtype), predicted)
        true = ops.cast(true > 0.5, self.dtype)
        self.right.assign(self.right + ops.sum(weight * true * said, axis=0))
        self.either.assign(self.either + ops.sum(weight * (true + said), axis=0))

    def per_output(self):
        right, either = ops.convert_to_tensor(self.right), ops.convert_to_tensor(self.either)
        return 2.0 * right / ops.where(either == 0, 1.0, either)
