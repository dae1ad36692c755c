"""How well a linear classifier tells queries from keys."""

import numpy as np


def a_distance(queries, keys, heads="mean", max_vectors=2000, seed=0):
    """Estimate the proxy A-distance between two sets of vectors.

        d = max(0, 2 (1 - 2 e))

    where e is the error, on held-out vectors, of a logistic regression that tells the two sets
    apart: 0 where they cannot be told apart, 2 where they always can. Both sets are sampled to
    equal size, each is split at random into halves for fitting and for testing, and features are
    standardised by the fitting half. Chance can push e above 1/2; the clamp to 0 then hides a
    negative value of the order of 2 / sqrt(vectors tested).

    Ben-David et al., NIPS 2007; used by MICA (Liang et al., ICCV 2021, Table 6) between queries and
    keys of the last crossmodal layer. The paper names neither classifier nor split nor width. As
    attention, and the MMD, act in each head, the default measures each head and averages.

    Args:
        queries: array (vectors, width) or (vectors, heads, head_dim), padding left out.
        keys: array (vectors, width) or (vectors, heads, head_dim); their number may differ.
        heads: with three axes, `"mean"` of the distances of the heads, or `"concat"` for one
            distance between whole vectors of heads x head_dim, which is never smaller but for
            chance.
        max_vectors: largest number of vectors used of each set.
        seed: seed of the sample and of the split.

    Returns:
        A float in [0, 2].

    Raises:
        ValueError: shapes that do not match, fewer than two vectors in a set, a value that is
            not finite, or an unknown `heads`.

    Example:

    >>> vectors = np.random.default_rng(0).normal(size=(200, 4))
    >>> a_distance(vectors, vectors + 100.0)
    2.0
    """
    queries, keys = np.asarray(queries, "float64"), np.asarray(keys, "float64")
    if queries.ndim not in (2, 3) or queries.shape[1:] != keys.shape[1:]:
        raise ValueError(
            "`queries` and `keys` expected the same shape (vectors, width) or (vectors, heads, "
            f"head_dim) but for the number of vectors. Received: queries.shape={queries.shape}, "
            f"keys.shape={keys.shape}"
        )
    if heads not in ("mean", "concat"):
        raise ValueError(f"`heads` expected 'mean' or 'concat'. Received: heads={heads!r}")
    if not (np.isfinite(queries).all() and np.isfinite(keys).all()):
        raise ValueError(
            "`queries` and `keys` expected finite values. Received: NaN or infinite ones"
        )
    size = min(len(queries), len(keys), max_vectors)
    if size < 2:
        raise ValueError(
            "`queries` and `keys` expected at least two vectors each, one to fit and one to test. "
            f"Received: {len(queries)} and {len(keys)}, max_vectors={max_vectors}"
        )
    rng = np.random.default_rng(seed)
    queries = queries[rng.permutation(len(queries))[:size]]
    keys = keys[rng.permutation(len(keys))[:size]]
    if queries.ndim == 2 or heads == "concat":
        return _distance(queries.reshape(size, -1), keys.reshape(size, -1))
    return float(np.mean([_distance(queries[:, h], keys[:, h]) for h in range(queries.shape[1])]))


def _distance(queries, keys):
    # Imported here: scikit-learn takes a second that nobody else needs to spend.
    from sklearn.linear_model import LogisticRegression

    half = len(queries) // 2
    fitted = np.concatenate([queries[:half], keys[:half]])
    tested = np.concatenate([queries[half:], keys[half:]])
    centre, spread = fitted.mean(axis=0), fitted.std(axis=0)
    spread[spread == 0] = 1.0
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit((fitted - centre) / spread, np.repeat([0, 1], half))
    side = np.repeat([0, 1], len(queries) - half)
    error = 1.0 - classifier.score((tested - centre) / spread, side)
    return float(max(0.0, 2.0 * (1.0 - 2.0 * error)))
