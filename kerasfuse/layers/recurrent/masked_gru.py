"""MaskedGRU: a recurrent encoder that skips padding."""

import keras

from kerasfuse.layers.recurrent.masked_recurrence import MaskedRecurrence


@keras.saving.register_keras_serializable("kerasfuse")
class MaskedGRU(MaskedRecurrence):
    """Encode a sequence by a stack of GRUs without biases that skip what is not real.

        H^0 = X,   H^(l+1) = GRU_l(H^l) o mask

    A skipped step leaves the state as it was, so neither padding nor a missing frame changes what
    the other steps become. A sequence without any real step becomes zeros.

    Reference: Cho et al., EMNLP 2014, with the reset gate applied after the product, as in
    `keras.layers.GRU` and PyTorch. 6 units^2 parameters a layer whose input is as wide as it.

    Args:
        units: width of every layer.
        num_layers: number of layers.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.

    Returns:
        Tensor `(batch, steps, units)`.

    Example:

    >>> MaskedGRU(40, num_layers=3)(np.ones((2, 50, 300))).shape   # (2, 50, 40)
    """

    def build(self, inputs_shape):
        self.grus = self.build_stack(keras.layers.GRU, inputs_shape, use_bias=False)

    def call(self, inputs, mask=None):
        return self.run_stack(self.grus, inputs, mask)
