"""MaskedLSTM: a recurrent encoder with memory cells that skips padding."""

import keras
from keras import ops

from kerasfuse.layers.recurrent.masked_recurrence import MaskedRecurrence
from kerasfuse.ops.linear_recurrence import linear_recurrence


@keras.saving.register_keras_serializable("kerasfuse")
class MaskedLSTM(MaskedRecurrence):
    """Encode a sequence by a stack of LSTMs that skips what is not real.

        i, f, g, o = X_t W + h_(t-1) R + b
        c_t = sigmoid(f) o c_(t-1) + sigmoid(i) o tanh(g),   h_t = sigmoid(o) o tanh(c_t)

    A skipped step leaves the state as it was, so neither padding nor a missing frame changes what
    the other steps become. A sequence without any real step becomes zeros.

    Reference: Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000, as in
    `keras.layers.LSTM`: the forget gate's bias starts at 1. 4 units (width + units + 1) parameters
    a layer; PyTorch's own module has a second bias, which adds nothing but parameters.

    Args:
        units: width of every layer.
        num_layers: number of layers.
        backwards: read from the last step to the first. What is said at a step stays there.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.
        return_cells: also return the memory cells c of the last layer, which at a skipped step are
            what they were before it. Only forwards.

    Returns:
        Tensor `(batch, steps, units)`, 0 at skipped steps, or a tuple of it and the cells, of the
        same shape.

    Raises:
        ValueError: for the cells of a layer that reads backwards.

    Example:

    >>> MaskedLSTM(40, num_layers=2)(np.ones((2, 50, 300))).shape   # (2, 50, 40)
    """

    def __init__(self, units, num_layers=1, backwards=False, **kwargs):
        super().__init__(units, num_layers, **kwargs)
        self.backwards = backwards

    def build(self, inputs_shape):
        self.lstms = self.build_stack(keras.layers.LSTM, inputs_shape)

    def call(self, inputs, mask=None, return_cells=False):
        if self.backwards:
            self._check_direction(return_cells)
            mask = None if mask is None else ops.flip(mask, axis=1)
            return ops.flip(self.run_stack(self.lstms, ops.flip(inputs, axis=1), mask), axis=1)
        if not return_cells:
            return self.run_stack(self.lstms, inputs, mask)
        if self.num_layers > 1:
            inputs = self.run_stack(self.lstms[:-1], inputs, mask)
        outputs = self.run_stack(self.lstms[-1:], inputs, mask)
        return outputs, self._cells(inputs, outputs, mask)

    def _cells(self, inputs, outputs, mask):
        """Compute the cells of the last layer from what it read and said.

        The fused kernels keep them to themselves. Once all h are known, every gate is, and what
        remains is linear in c.
        """
        cell = self.lstms[-1].cell
        real = ops.ones_like(outputs[..., :1])
        if mask is not None:
            real = ops.cast(mask, outputs.dtype)[:, :, None]
        state = linear_recurrence(1.0 - real, outputs)
        before = ops.pad(state[:, :-1], [[0, 0], [1, 0], [0, 0]])
        gates = ops.matmul(inputs, cell.kernel) + ops.matmul(before, cell.recurrent_kernel)
        i, f, g, _ = ops.split(gates + cell.bias, 4, axis=-1)
        keep = real * ops.sigmoid(f) + (1.0 - real)
        return linear_recurrence(keep, real * ops.sigmoid(i) * ops.tanh(g))

    def _check_direction(self, return_cells):
        if return_cells:
            raise ValueError(
                "expected `return_cells` only of a layer that reads forwards. "
                f"Received: return_cells=True of {self.name!r}, with backwards=True"
            )

    def compute_output_spec(self, inputs, mask=None, return_cells=False):
        self._check_direction(self.backwards and return_cells)
        outputs = keras.KerasTensor((*inputs.shape[:2], self.units), dtype=self.compute_dtype)
        return (
            (outputs, keras.KerasTensor(outputs.shape, outputs.dtype)) if return_cells else outputs
        )

    def get_config(self):
        return {**super().get_config(), "backwards": self.backwards}
