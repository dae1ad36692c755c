"""The entropy of vectors of two classes, each taken for a Gaussian."""

from keras import ops

from kerasfuse import backend

# Added to each variance: a class with fewer samples than features has a singular covariance.
RIDGE = 1e-3


def two_class_entropy(x, labels, boundary=0.0, weights=None):
    """Bound the entropy of vectors by that of one Gaussian for each of two classes.

        H = 1/4 (log det S_p + log det S_n),   S = cov(x of the class) + 1e-3 I

    of the samples with labels above and below the boundary, up to a constant. A class with fewer
    than two samples, which has no covariance, adds 0.

    Reference: Han, Chen, Poria, MMIM, EMNLP 2021, section 3. The ridge is ours: the paper's
    determinant is 0 where a class has no more samples than features.

    Args:
        x: tensor `(samples, width)`.
        labels: tensor `(samples, 1)`; those at the boundary belong to neither class.
        boundary: number between the classes.
        weights: tensor `(samples, 1)` of 1 and 0, which samples count, or `None`.

    Returns:
        Scalar.

    Example:

    >>> x, labels = np.random.normal(size=(100, 4)), np.random.normal(size=(100, 1))
    >>> float(two_class_entropy(2 * x, labels)) > float(two_class_entropy(x, labels))   # True
    """
    total = 0.0
    for members in (labels > boundary, labels < boundary):
        members = ops.cast(members, x.dtype)
        members = members if weights is None else members * weights
        count = ops.sum(members)
        divisor = backend.at_least(count, 1.0)
        centred = members * (x - ops.sum(members * x, axis=0) / divisor)
        covariance = ops.matmul(ops.transpose(centred), centred) / divisor
        covariance = covariance + RIDGE * ops.eye(x.shape[-1], dtype=x.dtype)
        half = ops.sum(ops.log(ops.diagonal(ops.cholesky(covariance))))
        total = total + backend.where(count >= 2, 0.5 * half, 0.0)
    return total
