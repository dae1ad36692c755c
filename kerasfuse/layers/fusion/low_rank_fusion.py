"""LowRankFusion: the tensor fusion of modalities, without the tensor."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class LowRankFusion(keras.layers.Layer):
    """Map the outer product of vectors to a small one by a tensor of low rank.

        y = sum_r w_r prod_m F_m^r [z_m; 1] + b,   r = 1 .. R,   F_m^r of shape (units, d_m + 1)

    elementwise products over the modalities m. This is W applied to `TensorFusion` of the z_m, for
    a W that is a sum of R outer products; neither W nor the product is ever formed, so that time,
    memory and parameters are linear in the number of modalities.

    Reference: Liu, Shen, Lakshminarasimhan, Liang, Zadeh, Morency, "Efficient Low-rank Multimodal
    Fusion with Modality-Specific Factors", ACL 2018, section 3; the weights w_r are those of its
    public code, where the paper adds the terms as they are (w_r = 1).

    Args:
        units: width of the output.
        rank: number of terms R; the paper takes 4.

    Call arguments:
        inputs: list of M tensors `(batch, d_m)`.

    Returns:
        Tensor `(batch, units)`.

    Raises:
        ValueError: for a rank below 1.

    Example:

    >>> LowRankFusion(16, rank=4)([np.ones((2, 32)), np.ones((2, 8))]).shape   # (2, 16)
    """

    def __init__(self, units, rank=4, **kwargs):
        super().__init__(**kwargs)
        if rank < 1:
            raise ValueError(f"expected `rank` to be at least 1. Received: rank={rank}")
        self.units = units
        self.rank = rank

    def build(self, inputs_shape):
        self.factors = []
        for index, (_, width) in enumerate(inputs_shape):
            # Each F_m^r is a matrix of its own, and is initialised as one.
            limit = math.sqrt(6.0 / (width + 1 + self.units))
            factor = self.add_weight(
                shape=(width + 1, self.rank * self.units),
                initializer=keras.initializers.RandomUniform(-limit, limit),
                name=f"factor_{index}",
            )
            self.factors.append(factor)
        self.weights_of_terms = self.add_weight(
            shape=(self.rank,), initializer="ones", name="weights_of_terms"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        product = 1.0
        for z, factor in zip(inputs, self.factors, strict=True):
            # The row of the appended 1 is a bias.
            factor = ops.convert_to_tensor(factor)
            product = product * (ops.matmul(z, factor[:-1]) + factor[-1])
        terms = ops.reshape(product, (-1, self.rank, self.units))
        return ops.einsum("r,bru->bu", self.weights_of_terms, terms) + self.bias

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0][0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "rank": self.rank}
