"""TensorFusion: every product of features of different modalities."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class TensorFusion(keras.layers.Layer):
    """Fuse vectors by the outer product of all of them, each with a 1 appended.

        Z = [z_1; 1] x [z_2; 1] x ... x [z_M; 1],   flattened

    The ones keep the vectors themselves, and the products of only some of them, among the entries.

    Reference: Zadeh, Chen, Poria, Cambria, Morency, "Tensor Fusion Network for Multimodal Sentiment
    Analysis", EMNLP 2017, section 4.2. The output has prod_m (d_m + 1) entries a sample; what is
    held on the way there is smaller by the last factor.

    Call arguments:
        inputs: list of M tensors `(batch, d_m)`.

    Returns:
        Tensor `(batch, prod_m (d_m + 1))`; the last modality's index runs fastest.

    Example:

    >>> TensorFusion()([np.ones((2, 4)), np.ones((2, 3))]).shape   # (2, 20)
    """

    def call(self, inputs):
        fused, *others = [ops.pad(x, [[0, 0], [0, 1]], constant_values=1.0) for x in inputs]
        for x in others:
            product = fused[:, :, None] * x[:, None, :]
            fused = ops.reshape(product, (-1, fused.shape[1] * x.shape[1]))
        return fused

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0][0], math.prod(shape[1] + 1 for shape in inputs_shape))
