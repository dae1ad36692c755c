"""The count matrix that accuracy and F1 are read from."""

import keras
from keras import ops

from kerasfuse.metrics.label_scheme import find_label_scheme
from kerasfuse.metrics.scores import SEVEN_LOGITS, weights
from kerasfuse.nearest_names import choose


class Confusion(keras.Metric):
    """Count (true class, predicted class) pairs over all batches.

    The state is one matrix of shape (classes, classes + 1): the extra last column counts outputs
    that are not finite and belong to no class. Counts are float32, exact up to 2**24 samples.

    Args:
        label_scheme: how values become classes, see `find_label_scheme`.
        seven_logits: how an output of seven logits becomes one score.
        name: name in logs.
        dtype: dtype of state and result.
    """

    def __init__(self, label_scheme, seven_logits="expected", name=None, dtype=None):
        super().__init__(name=name, dtype=dtype or "float32")
        self.label_scheme = label_scheme
        self._scheme = find_label_scheme(label_scheme)
        self.seven_logits = choose("seven_logits", seven_logits, SEVEN_LOGITS)
        size = self._scheme.num_classes
        self.counts = self.add_variable((size, size + 1), "zeros", dtype=self.dtype, name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, counted = self._scheme.true_classes(y_true)  # (batch, classes), (batch,)
        predicted = self._scheme.predicted_classes(y_pred, self.seven_logits)
        unreadable = 1.0 - ops.sum(predicted, axis=-1, keepdims=True)
        predicted = ops.concatenate([predicted, unreadable], axis=-1)
        true = true * ops.expand_dims(counted * weights(sample_weight, counted), -1)
        # Not a matrix product: accelerators may round its inputs to 10 bits.
        pairs = ops.expand_dims(true, 2) * ops.expand_dims(predicted, 1)
        self.counts.assign(self.counts + ops.cast(ops.sum(pairs, axis=0), self.dtype))

    def of_finite(self, value):
        """Return a result, NaN where an output was not finite: a broken model has no score."""
        return ops.where(ops.sum(self.counts[:, -1]) > 0, float("nan"), value)

    def get_config(self):
        return {
            **super().get_config(),
            "label_scheme": self.label_scheme,
            "seven_logits": self.seven_logits,
        }
