"""MergeGate: several views of one target modality become one."""

import keras
from keras import ops

from kerasfuse import backend


@keras.saving.register_keras_serializable("kerasfuse")
class MergeGate(keras.layers.Layer):
    """Merge what several sources made of one target by an elementwise gate.

    Two sources, as in the paper:

        G = sigmoid(Z_1 W_1 + Z_2 W_2 + b),   Y = G o Z_1 + (1 - G) o Z_2

    J sources: (G_1, ..., G_J) = softmax(a_1, ..., a_(J-1), 0) with a_j = sum_i Z_i W_ij + b_j,
    elementwise, and Y = sum_j G_j o Z_j, which for J = 2 is the same. One source passes through,
    without a gate.

    Reference: Liang et al., MICA, ICCV 2021, section 3.4. The paper's bias has one vector a time
    step; ours is shared over time, so that any length works. 2 d^2 + d parameters for two sources.

    Call arguments:
        inputs: list of J tensors `(batch, steps, width)`.
        return_gates: also return the gates.

    Returns:
        Tensor `(batch, steps, width)`, or `(tensor, gates)` with gates `(batch, steps, J, width)`,
        which sum to 1 over J.

    Example:

    >>> MergeGate()([np.ones((2, 50, 40)), np.zeros((2, 50, 40))]).shape   # (2, 50, 40)
    """

    def build(self, inputs_shape):
        sources, width = len(inputs_shape), inputs_shape[0][-1]
        gated = sources - 1
        if gated:
            # Each W_ij is a (width, width) matrix of its own, and is initialised as one.
            limit = (3.0 / width) ** 0.5
            self.kernel = self.add_weight(
                shape=(sources * width, gated * width),
                initializer=keras.initializers.RandomUniform(-limit, limit),
                name="kernel",
            )
            self.bias = self.add_weight(shape=(gated * width,), initializer="zeros", name="bias")

    def call(self, inputs, return_gates=False):
        sources = len(inputs)
        if sources == 1:
            gates = ops.ones_like(inputs[0])[:, :, None]
            return (inputs[0], gates) if return_gates else inputs[0]
        logits = backend.dense(ops.concatenate(inputs, axis=-1), self.kernel, self.bias)
        if sources == 2:
            gate = ops.sigmoid(logits)
            merged = inputs[1] + gate * (inputs[0] - inputs[1])
            gates = [gate, 1.0 - gate] if return_gates else None
        else:
            logits = ops.split(logits, sources - 1, axis=-1)
            logits = ops.stack([*logits, ops.zeros_like(logits[0])], axis=2)
            gates = ops.unstack(ops.softmax(logits, axis=2), sources, axis=2)
            merged = sum(g * z for g, z in zip(gates, inputs, strict=True))
        return (merged, ops.stack(gates, axis=2)) if return_gates else merged

    def compute_output_shape(self, inputs_shape):
        return inputs_shape[0]

    def compute_output_spec(self, inputs, return_gates=False):
        batch, steps, width = inputs[0].shape
        merged = keras.KerasTensor((batch, steps, width), dtype=self.compute_dtype)
        if not return_gates:
            return merged
        gates = keras.KerasTensor((batch, steps, len(inputs), width), dtype=self.compute_dtype)
        return merged, gates
