"""What metrics of outputs share: which columns of labels and outputs they read."""

import keras
from keras import ops

from kerasfuse.metrics.scores import weights


class OfOutputs(keras.Metric):
    """Read some columns of labels and outputs, `(batch, outputs)`; the result is their mean.

    Subclasses compute one number a column, `per_output()`.

    Args:
        num_outputs: number of outputs of the model.
        output: position of the one that is measured, or `None` for the mean over all.
        name: name in logs.
        dtype: dtype of state and result, float32 by default whatever the precision policy.

    Raises:
        ValueError: for a position that is none of the outputs.
    """

    def __init__(self, num_outputs=1, output=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype or "float32")
        if output is not None and not 0 <= output < num_outputs:
            raise ValueError(
                f"expected `output` to be None or a number from 0 to {num_outputs - 1}. "
                f"Received: output={output!r}"
            )
        self.num_outputs = num_outputs
        self.output = output
        self.columns = num_outputs if output is None else 1

    def read(self, y_true, y_pred, sample_weight):
        """Return labels and outputs `(batch, columns)`, and weights `(batch,)`.

        A sample of weight 0 may hold NaN, and 0 * NaN is NaN: its values are 0.
        """
        true, predicted = self._read("y_true", y_true), self._read("y_pred", y_pred)
        weight = weights(sample_weight, true[:, 0])
        left_out = ops.expand_dims(weight == 0, 1)
        true, predicted = (ops.where(left_out, 0.0, x) for x in (true, predicted))
        return true, predicted, weight

    def result(self):
        return ops.mean(self.per_output())

    def _read(self, argument, values):
        values = ops.cast(ops.convert_to_tensor(values), self.dtype)
        if len(values.shape) == 1:
            values = ops.expand_dims(values, 1)
        if len(values.shape) != 2 or values.shape[1] != self.num_outputs:
            raise ValueError(
                f"`{argument}` expected shape (batch, {self.num_outputs}). "
                f"Received: {argument}.shape={tuple(values.shape)}"
            )
        return values if self.output is None else values[:, self.output : self.output + 1]

    def get_config(self):
        config = {"num_outputs": self.num_outputs, "output": self.output}
        return {**super().get_config(), **config}
