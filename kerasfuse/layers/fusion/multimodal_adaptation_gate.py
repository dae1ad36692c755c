"""MultimodalAdaptationGate: shift words by what was heard and seen with them."""

import keras
from keras import ops

from kerasfuse.layers.encoders.dropout import Dropout
from kerasfuse.layers.sublayer import run


@keras.saving.register_keras_serializable("kerasfuse")
class MultimodalAdaptationGate(keras.layers.Layer):
    """Shift each step of one modality by the steps of others, by no more than it is long.

        g_s = relu(V_s [X_s; Z] + c_s),   H = sum_s g_s o (W_s X_s) + b       every source s
        Y   = dropout(LN(Z + a H)),       a = min(beta |Z| / |H|, 1)

    with Euclidean norms of each step.

    Reference: Rahman, Hasan, Lee, Zadeh, Mao, Morency, Hoque, "Integrating Multimodal Information
    in Large Pretrained Transformers" (MAG-BERT), ACL 2020, section 3.

    Args:
        beta: largest length of a shift, as a share of the length of what is shifted.
        dropout: rate on the output.

    Call arguments:
        inputs: Z, tensor `(batch, steps, width)`.
        sources: list of tensors `(batch, steps, width_s)`, aligned with Z.

    Returns:
        Tensor like `inputs`.

    Raises:
        ValueError: for a beta that is not positive.

    Example:

    >>> gate = MultimodalAdaptationGate(beta=1.0)
    >>> words, tone = np.ones((2, 9, 64)), np.ones((2, 9, 74))
    >>> gate(words, sources=[tone]).shape   # (2, 9, 64)
    """

    def __init__(self, beta=1.0, dropout=0.5, **kwargs):
        super().__init__(**kwargs)
        if not beta > 0:
            raise ValueError(f"expected `beta` above 0. Received: beta={beta}")
        self.beta = beta
        self.dropout = dropout

    def build(self, inputs_shape, sources_shape):
        width, policy = inputs_shape[-1], self.dtype_policy
        self.gates, self.shifts = [], []
        for index, shape in enumerate(sources_shape):
            gate = keras.layers.Dense(width, activation="relu", name=f"gate_{index}", dtype=policy)
            gate.build((*shape[:-1], shape[-1] + width))
            shift = keras.layers.Dense(width, use_bias=False, name=f"shift_{index}", dtype=policy)
            shift.build(shape)
            self.gates.append(gate)
            self.shifts.append(shift)
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=policy)
        self.norm.build(inputs_shape)
        self.drop = Dropout(self.dropout, dtype=policy)

    def call(self, inputs, sources, training=None):
        shift = ops.convert_to_tensor(self.bias)
        for x, gate, project in zip(sources, self.gates, self.shifts, strict=True):
            opened = run(gate, ops.concatenate([x, inputs], axis=-1))
            shift = shift + opened * run(project, x)
        # In squares, whose root has no gradient at 0; a shift of 0 needs no scale.
        lengths, squares = _squared_length(inputs), _squared_length(shift)
        is_long = self.beta**2 * lengths < squares
        scale = ops.sqrt(ops.where(is_long, lengths / ops.where(is_long, squares, 1.0), 1.0))
        scale = ops.where(is_long, self.beta * scale, 1.0)
        moved = inputs + ops.cast(scale, inputs.dtype) * shift
        return run(self.drop, run(self.norm, moved), training=training)

    def compute_output_spec(self, inputs, sources, training=None):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "dropout": self.dropout}


def _squared_length(x):
    # A tiny one in place of 0, where the root of what is shifted has no gradient either.
    squares = ops.sum(ops.square(ops.cast(x, "float32")), axis=-1, keepdims=True)
    return ops.maximum(squares, keras.config.epsilon() ** 2)
