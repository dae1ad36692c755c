"""LearnedTokens: vectors of the model's own, alike for every sample."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class LearnedTokens(keras.layers.Layer):
    """Give every sample the same learned tokens, e_1, ..., e_n.

    One of them in front of a sequence is a place where its summary can gather, and a step that is
    real even where the modality is absent.

    Reference: the [CLS] of BERT (Devlin et al., NAACL 2019), which DAHB's classifier calls the
    first token. Started at 1, as in its authors' later release.

    Args:
        count: number of tokens n.

    Call arguments:
        inputs: tensor `(batch, steps, width)`; only batch and width are used.

    Returns:
        Tensor `(batch, n, width)`.

    Example:

    >>> LearnedTokens(1)(np.zeros((2, 50, 40))).shape   # (2, 1, 40)
    """

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, inputs_shape):
        self.tokens = self.add_weight(
            shape=(1, self.count, inputs_shape[-1]), initializer=self._start, name="tokens"
        )

    def _start(self, shape, dtype):
        if self.count == 1:
            return ops.ones(shape, dtype)
        # Alike, they would stay alike: each gets the same gradient.
        return ops.ones(shape, dtype) + keras.random.normal(shape, stddev=0.02, dtype=dtype)

    def call(self, inputs):
        return ops.tile(ops.cast(self.tokens, self.compute_dtype), (ops.shape(inputs)[0], 1, 1))

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], self.count, inputs_shape[-1])

    def get_config(self):
        return {**super().get_config(), "count": self.count}
