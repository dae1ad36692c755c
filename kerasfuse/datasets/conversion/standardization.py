"""Centre and scale features by their mean and standard deviation over the training split."""

import numpy as np


def without_constant(mean, deviation):
    """Return both, the deviation of features that are constant so that these become 0.

    Args:
        mean, deviation: arrays `(width,)` in float64. Rounding leaves a constant feature a
            deviation far below its mean.
    """
    constant = deviation <= 1e-6 * np.maximum(1, np.abs(mean))
    return mean, np.where(constant, np.inf, deviation)


def standardized_steps(x, mean, deviation):
    """Return steps `(steps, width)` centred and scaled, in float32; steps of zeros stay zeros."""
    missing = ~x.any(axis=1, keepdims=True)
    return np.where(missing, 0, (x - mean) / deviation).astype("float32")
