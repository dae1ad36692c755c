"""MaxOut: a dense layer that keeps the largest of several answers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class MaxOut(keras.layers.Layer):
    """Take, for each unit, the largest of some affine functions of the input.

        y_i = max_k (W_k x + b_k)_i

    Reference: Goodfellow et al., "Maxout Networks", ICML 2013.

    Args:
        units: width of the output.
        pieces: number of affine functions.

    Call arguments:
        inputs: tensor `(batch, width)`.

    Returns:
        Tensor `(batch, units)`.

    Example:

    >>> MaxOut(2048)(np.ones((2, 1024))).shape   # (2, 2048)
    """

    def __init__(self, units, pieces=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces

    def build(self, inputs_shape):
        self.dense = keras.layers.Dense(
            self.units * self.pieces, name="dense", dtype=self.dtype_policy
        )
        self.dense.build(inputs_shape)

    def call(self, inputs):
        x = ops.reshape(self.dense(inputs), (-1, self.pieces, self.units))
        return ops.max(x, axis=1)

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}
