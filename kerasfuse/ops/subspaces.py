"""How alike two sets of vectors are in distribution, and how much alike in direction."""

import keras
from keras import ops

from kerasfuse import backend


def central_moment_discrepancy(x, y, moments=5):
    """Measure how far two sets of vectors in the unit cube are apart, by their moments.

        CMD = |E(x) - E(y)| + sum_k |c_k(x) - c_k(y)|,   c_k(x) = E((x - E(x))^k),   k = 2 .. K

    with Euclidean norms and elementwise powers. 0 for equal sets, and symmetric.

    Reference: Zellinger et al., "Central Moment Discrepancy (CMD) for Domain-Invariant
    Representation Learning", ICLR 2017, which MISA (Hazarika et
    al., 2020) takes. For entries in [a, b] term k is divided
    by |b - a|^k, which is 1 here.

    Args:
        x: tensor `(n, width)` of entries in [0, 1].
        y: tensor `(m, width)`, likewise.
        moments: the highest moment K.

    Returns:
        Scalar, at least float32.

    Example:

    >>> x = np.random.uniform(size=(100, 5))
    >>> float(central_moment_discrepancy(x, x))   # 0.0
    """
    x, y = _at_least_float32(x), _at_least_float32(y)
    means = [ops.mean(z, axis=0) for z in (x, y)]
    x, y = x - means[0], y - means[1]
    total = _norm(means[0] - means[1])
    for k in range(2, moments + 1):
        total = total + _norm(ops.mean(x**k, axis=0) - ops.mean(y**k, axis=0))
    return total


def subspace_overlap(x, y):
    """Measure how much two views of the same samples point along each other.

        D = mean of the entries of (X^T Y)^2

    with the rows of X and Y, one a sample, centred over the samples and scaled to length 1. 0 where
    no feature of one view varies with any of the other's.

    Reference: Bousmalis et al., "Domain Separation Networks", NeurIPS 2016, which MISA (Hazarika et
    al., 2020) takes. Both print the sum of the entries; their code, for which their weights are
    meant, takes the mean. MISA's code lets no gradient through the lengths of the rows: the same
    value, another gradient.

    Args:
        x: tensor `(n, width)`.
        y: tensor `(n, width')`.

    Returns:
        Scalar, at least float32.

    Example:

    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0]])
    >>> float(subspace_overlap(x, x))   # (2^2 + 0 + 0 + 0) / 4 = 1.0
    """
    x, y = (_unit_rows(_at_least_float32(z)) for z in (x, y))
    return ops.mean(ops.matmul(ops.transpose(x), y) ** 2)


def _unit_rows(x):
    x = x - ops.mean(x, axis=0, keepdims=True)
    squares = ops.sum(x * x, axis=-1, keepdims=True)
    return x * ops.rsqrt(backend.at_least(squares, keras.config.epsilon() ** 2))


def _norm(x):
    """Give the Euclidean norm, with a gradient of 0 where it is 0."""
    square = ops.sum(x * x)
    is_zero = square == 0
    return backend.where(is_zero, 0.0, ops.sqrt(backend.where(is_zero, 1.0, square)))


def _at_least_float32(x):
    x = ops.convert_to_tensor(x)
    return x if keras.backend.standardize_dtype(x.dtype) == "float64" else ops.cast(x, "float32")
