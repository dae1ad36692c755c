"""FeatureScaling: features centred and scaled, padding left at zero."""

import keras
import numpy as np
from keras import ops

# Finite, as files of weights must be, and beyond everything.
_FAR = 3e38
# How far beyond the middle 90 % of the values, in their range, a value may lie, and in deviations.
_OUTSIDE = 1.5
_MOST_DEVIATIONS = 10.0
# What a real step becomes that would be all zeros, and so padding.
_TINY = 1e-6


@keras.saving.register_keras_serializable("kerasfuse")
class FeatureScaling(keras.layers.Layer):
    """Standardise each feature by what was measured on real steps, and leave padding at zero.

        y = (clip(x, low, high) - mean) / deviation      steps with a feature that is not 0
        y = 0                                            others

    `low` and `high` lie 1.5 times the range of the middle 90 % of the values beyond it, and at most
    10 deviations from the mean. Mean and deviation are those of the values between: some of -255,
    or -1e30 for a logarithm of 0, then change little. Before `adapt` the layer changes nothing.

    A real step that would become all zeros becomes 1e-6, or nobody could tell it from padding.

    Call arguments:
        inputs: tensor `(batch, steps, width)`, or `(batch, height, width, channels)`, of which each
            channel is scaled and an image of zeros is absent.

    Returns:
        Tensor of the same shape, float32.

    Example:

    >>> layer = FeatureScaling()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[[3.0], [0.0]]])).tolist()
    [[[1.0], [0.0]]]
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, inputs_shape):
        def moment(name, value):
            return self.add_weight(
                shape=(inputs_shape[-1],),
                initializer=keras.initializers.Constant(value),
                trainable=False,
                dtype="float32",
                # Units of the data do not fit into half precision.
                autocast=False,
                name=name,
            )

        self.mean, self.deviation = moment("mean", 0.0), moment("deviation", 1.0)
        self.low, self.high = moment("low", -_FAR), moment("high", _FAR)

    def adapt(self, values):
        """Measure features.

        Args:
            values: array `(steps, width)` of real steps.

        Raises:
            ValueError: for no steps, and for values that are not finite.
        """
        values = np.asarray(values, "float32")
        if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
            raise ValueError(
                "expected finite values (steps, width), at least one step. "
                f"Received: shape {values.shape}"
            )
        if not self.built:
            self.build(values.shape)
        moments = _moments(values)
        for weight, found in zip(
            (self.mean, self.deviation, self.low, self.high), moments, strict=True
        ):
            weight.assign(found.astype("float32"))

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        axes = -1 if len(x.shape) == 3 else (1, 2, 3)
        real = ops.any(x != 0, axis=axes, keepdims=True)
        # jax clips between arrays, not between variables.
        low, high = (ops.convert_to_tensor(bound) for bound in (self.low, self.high))
        y = (ops.clip(x, low, high) - self.mean) / self.deviation
        vanished = ops.logical_not(ops.any(y != 0, axis=axes, keepdims=True))
        y = ops.where(vanished, _TINY, y)
        return ops.where(real, y, 0.0)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype="float32")


def _moments(values):
    """Return mean, deviation, lowest and highest value of each feature, in float64."""
    low, high = np.quantile(values, [0.05, 0.95], axis=0).astype("float64")
    middle = high - low
    # A feature that hardly ever changes: what it rarely is may be all that it says.
    varies = middle > 0
    low = np.where(varies, low - _OUTSIDE * middle, values.min(axis=0))
    high = np.where(varies, high + _OUTSIDE * middle, values.max(axis=0))
    count, total, squares = 0, 0.0, 0.0
    # In blocks: float64 copies of all values would take twice their memory.
    blocks = np.array_split(values, max(1, values.size // 2**22))
    for block in blocks:
        inside = (block >= low) & (block <= high)
        count = count + inside.sum(axis=0)
        total = total + np.where(inside, block, 0.0).sum(axis=0)
    mean = total / count
    for block in blocks:
        inside = (block >= low) & (block <= high)
        squares = squares + (np.where(inside, block - mean, 0.0) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / count)
    # Rounding leaves a constant feature a deviation far below its mean.
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean), np.finfo("float32").tiny)
    deviation = np.where(constant, np.maximum(np.abs(mean), 1.0), deviation)
    reach = _MOST_DEVIATIONS * deviation
    return mean, deviation, np.maximum(low, mean - reach), np.minimum(high, mean + reach)
