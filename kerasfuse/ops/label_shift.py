"""Labels of one modality from the label of all, by where samples lie between two classes."""

import math

import keras
from keras import ops


def class_shift(x, features, labels, seen):
    """Tell how much nearer samples are to the positive samples' centre than to the negative ones'.

        a = (D^n - D^p) / (D^p + eps),   D = |x - C|^2 / sqrt(d)

    with C the mean of the features seen whose label is positive (p) or negative (n).

    Reference: Yu et al., Self-MM, AAAI 2021, section 3, whose D is the squared distance. The
    authors' code takes D = |x - C|, which brings a nearer to 0, and counts a label of 0 as
    positive. We follow the paper in both.

    Args:
        x: tensor `(batch, d)`.
        features: tensor `(samples, d)`.
        labels: tensor `(samples, 1)`; 0 belongs to neither class.
        seen: boolean `(samples, 1)`, which samples count.

    Returns:
        a, tensor `(batch, 1)`, and a boolean `()`: whether both classes have a sample. Where one
        has none, a is a number without meaning.

    Example:

    >>> features, labels = np.array([[1.0], [-1.0]]), np.array([[2.0], [-2.0]])
    >>> class_shift(np.array([[0.0]]), features, labels, np.ones((2, 1), bool))   # 0, True
    """
    distances, counts = [], []
    for of_class in (ops.less(labels, 0), ops.greater(labels, 0)):
        members = ops.cast(ops.logical_and(of_class, seen), x.dtype)
        counts.append(ops.sum(members))
        centre = ops.sum(members * features, axis=0) / ops.maximum(counts[-1], 1.0)
        distances.append(ops.sum((x - centre) ** 2, axis=1, keepdims=True) / math.sqrt(x.shape[-1]))
    negative, positive = distances
    a = (negative - positive) / (positive + keras.config.epsilon())
    return a, ops.logical_and(counts[0] > 0, counts[1] > 0)


def shifted_label(y, a, a_all, limit):
    """Move the label of all modalities by how one modality differs from all.

        y' = y + (a - a_m) / 2 (y + a_m) / a_m,   within [-limit, limit]

    the mean of y a / a_m and y + a - a_m.

    Reference: Yu et al., Self-MM, AAAI 2021, section 3.

    Args:
        y: tensor `(batch, 1)`, the label of all modalities.
        a: tensor `(batch, 1)`, `class_shift` of one modality.
        a_all: tensor `(batch, 1)`, a_m, that of all together.
        limit: the largest magnitude of a label.

    Returns:
        Tensor `(batch, 1)`.

    Example:

    >>> shifted_label(np.array([[1.0]]), np.array([[2.0]]), np.array([[1.0]]), 3.0)   # 2.0
    """
    tiny = keras.config.epsilon()
    ratio = a / ops.where(ops.abs(a_all) < tiny, tiny, a_all)
    return ops.clip(0.5 * (y * ratio + y + a - a_all), -limit, limit)
