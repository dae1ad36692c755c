"""Which samples are near which, and of one class or not: DAHB's lists of companions."""

import numpy as np

# Entries of one block of the matrix of similarities: 64 MB of float32.
_BLOCK = 2**24


def similar_samples(vectors, classes, keep=10):
    """List the samples from which the companions of each sample are drawn.

        s_ij = cos(v_i, v_j)
        similar_same:      the `keep` largest s_ij among c_j = c_i, j != i
        dissimilar_other:  the `keep` smallest s_ij among c_j != c_i
        similar_other:     the `keep` largest s_ij among c_j != c_i

    Similarities are computed in blocks of rows; all of them never stand in memory. The zero
    vector has similarity 0 with everything.

    Reference: DAHB, section 3.3, after Yang et al., ConFEDE, ACL 2023. Their public codes store the
    place of a companion in the ranking where its index belongs, and compare that place with the
    sample's own index; companions are then samples with small indices, of unrelated labels.

    Args:
        vectors: array `(samples, width)`.
        classes: array `(samples,)` of class numbers.
        keep: length of the lists.

    Returns:
        Dict of list name to integer array `(samples, keep)`, best first, filled up with -1.

    Raises:
        ValueError: when all samples are of one class, or vectors are not finite.

    Example:

    >>> lists = similar_samples(np.eye(3), np.array([0, 0, 1]), keep=1)
    >>> lists["similar_same"].tolist()
    [[1], [0], [-1]]
    """
    vectors, classes = np.asarray(vectors, "float32"), np.asarray(classes)
    if len(np.unique(classes)) < 2:
        raise ValueError(
            "expected samples of two classes or more: an only class has no negatives. Received: "
            f"{len(classes)} samples of class {classes[0]}"
        )
    if not np.isfinite(vectors).all():
        raise ValueError("expected finite representations. Received: some that are not")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1.0)
    number = len(unit)
    keep = min(keep, number)
    lists = {
        name: np.empty((number, keep), "int64")
        for name in ("similar_same", "dissimilar_other", "similar_other")
    }
    block = max(1, _BLOCK // number)
    for start in range(0, number, block):
        rows = slice(start, min(start + block, number))
        similarity = unit[rows] @ unit.T
        same = classes[rows, None] == classes[None, :]
        itself = np.arange(start, rows.stop)
        for name, score, eligible in (
            ("similar_same", similarity, same),
            ("dissimilar_other", -similarity, ~same),
            ("similar_other", similarity, ~same),
        ):
            lists[name][rows] = _largest(score, eligible, itself, keep)
    return lists


def _largest(score, eligible, itself, keep):
    score = np.where(eligible, score, -np.inf)
    score[np.arange(len(itself)), itself] = -np.inf
    found = np.argpartition(-score, keep - 1, axis=1)[:, :keep]
    values = np.take_along_axis(score, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    found, values = (np.take_along_axis(x, order, axis=1) for x in (found, values))
    return np.where(np.isfinite(values), found, -1)
