"""Propagated element-level alignment: pull together what attention says belongs together."""

import functools

from keras import ops

from kerasfuse import backend
from kerasfuse.ops.blocks import map_blocks
from kerasfuse.ops.confident_pairs import confident_pairs, cut, transposed

# Entries of the attention matrices that are worked on at once: about the size of a cache.
_BLOCK_ENTRIES = 2**20

# The same on a GPU, and the bytes that an entry takes there while its block is worked on.
_GPU_BLOCK_ENTRIES = 2**28
_BYTES_AN_ENTRY = 20

# More of them would make the programs of the backends that compile too long.
_MOST_TILES = 16

# What distances may be measured in.
NORMALISATIONS = ("none", "norms", "unit", "spread")

# Below it a vector has no direction.
_LEAST_SQUARED_LENGTH = 1e-12


def propagated_alignment(
    queries, keys, query_mask, key_mask, tau=0.3, propagate=True, mean=True, normalise="none"
):
    """Measure the squared distance between queries and keys that attention is confident about.

    With P^i the attention matrix of layer i (one head), n the number of its valid entries and
    gamma the entry of descending rank floor(tau n):

        W^i = [P^i > gamma]           the confident pairs of this layer
        V^i = W^0 or ... or W^i       (propagated; V^i = W^i otherwise)
        d^i = sum_nm V^i_nm |q^i_n - k^i_m|^2

    V sends no gradient; the distances send theirs to queries and keys: 2 (r_n q_n - (V k)_n) and
    2 (c_m k_m - (V^T q)_m) with r and c the row and column sums of V. Nothing of shape
    (steps, steps, width) exists, and gamma is found without sorting.

    As printed, d has a degenerate minimum. Scale all queries and keys by s. Then d scales with s^2
    and falls to 0 with s, while the logits q k / sqrt(head_dim) scale with s^2 too: attention
    P = softmax(s^2 ...) tends to 1 / Tk everywhere. d is of the second degree, so its gradient
    along the scale is 2 d > 0 whatever the pairs: it always pays to shrink. Only the task loss
    pulls the other way, and only as far as attention is worth something to it, so attention pays
    with its scale for a loss that says nothing about what belongs together. `normalise` measures
    distances that the scale does not change:

        "norms"   d / S,  S = (mean_n |q_n|^2 + mean_m |k_m|^2) / 2  over real steps
        "unit"    sum_nm V_nm |q_n / |q_n| - k_m / |k_m||^2 = sum_nm V_nm (2 - 2 cos(q_n, k_m))

    in each layer, sample and head. V comes from the queries and keys as they are. S has its
    gradient; without it d / S would still pull at the scale, as d does. The mean of both is 2 for
    queries and keys that have nothing to do with each other, and 0 for equal ones.

    These two have a degenerate minimum as well. Add one vector c to all queries and keys, as the
    biases of their projections can. Distances stay, lengths grow, and both forms fall to 0 with
    growing c, while attention comes from the small differences that remain. A third form measures
    in the spread of all pairs, which neither a scale nor a shift changes:

        "spread"  d / R,  R = mean_nm |q_n - k_m|^2 / 2  over all pairs of real steps

    It is 2 where confident pairs are as far apart as any, and falls below only if they are closer
    than the others: by what attention says of them.

    Reference: Liang et al., "Attention is not Enough" (MICA), ICCV 2021, section 3.4, equation 2.
    The paper leaves open how the sums are normalised: `mean=True` divides each d by its number
    of pairs and averages over samples, heads and layers; `mean=False` sums as printed. That
    the distances are normalised is ours; `"none"` takes them as printed.

    Args:
        queries: list over layers of tensors `(batch, Tq, heads, head_dim)`.
        keys: list over layers of tensors `(batch, Tk, heads, head_dim)`.
        query_mask: boolean `(batch, Tq)`, `True` at real steps.
        key_mask: boolean `(batch, Tk)`, likewise.
        tau: fraction of the valid entries that counts as confident, in (0, 1].
        propagate: whether the pairs of earlier layers stay selected.
        mean: the mean over pairs, samples, heads and layers, or the plain sum over samples.
        normalise: what distances are measured in: `"none"`, `"norms"`, `"unit"` or `"spread"`. A
            query or key of zeros is at the origin, and gets no gradient through its length.

    Returns:
        Scalar float32: 0 where a modality is absent or attention is uniform.

    Raises:
        ValueError: for an unknown `normalise`.

    Example:

    >>> q, k = np.random.normal(size=(2, 8, 6, 4, 5))       # (batch, steps, heads, head_dim)
    >>> real = np.ones((8, 6), bool)
    >>> propagated_alignment([q], [k], real, real, tau=0.3)
    """
    check_normalise(normalise)
    heads = queries[0].shape[2]
    sides = [ops.cast(ops.stack(x, axis=1), "float32") for x in (queries, keys)]
    options = {"tau": tau, "propagate": propagate, "mean": mean, "normalise": normalise}
    gradients = _in_blocks(
        functools.partial(_gradients, **options),
        [
            *(_by_head(ops.stop_gradient(x)) for x in sides),
            *(ops.repeat(mask, heads, axis=0) for mask in (query_mask, key_mask)),
        ],
    )
    sides = _normalised(*sides, query_mask, key_mask, normalise)
    # d is of the second degree in these: they times what pulls at them make 2 d.
    twice = 0.0
    for x, pull in zip(sides, gradients, strict=True):
        pull = ops.stop_gradient(_by_layer(pull, heads))
        twice = twice + ops.sum(pull * ops.reshape(x, (-1,)))
    loss = twice - 0.5 * ops.stop_gradient(twice)
    if not mean:
        return loss
    matrices = len(queries) * ops.shape(query_mask)[0] * heads
    return loss / (matrices if isinstance(matrices, int) else ops.cast(matrices, loss.dtype))


def check_normalise(normalise):
    """Refuse what is no way to normalise distances."""
    if normalise not in NORMALISATIONS:
        raise ValueError(
            f"expected `normalise` to be one of {', '.join(map(repr, NORMALISATIONS))}. "
            f"Received: {normalise!r}"
        )


def _normalised(queries, keys, query_mask, key_mask, normalise):
    """Scale queries and keys to those between which distances are measured.

    Args:
        queries: tensor `(rows, layers, Tq, ..., width)`; each matrix of attention has an own place
            in the axes that stand for dots.
        keys: tensor `(rows, layers, Tk, ..., width)`.
        query_mask: boolean `(rows, Tq)`.
        key_mask: boolean `(rows, Tk)`.
        normalise: see `propagated_alignment`.
    """
    if normalise == "none":
        return queries, keys
    lengths = [ops.sum(x * x, axis=-1, keepdims=True) for x in (queries, keys)]
    if normalise == "unit":
        return [
            x * _inverse_root(length) for x, length in zip((queries, keys), lengths, strict=True)
        ]
    real = [_real_steps(x, mask) for x, mask in ((queries, query_mask), (keys, key_mask))]
    if normalise == "norms":
        of_queries, of_keys = map(_mean, lengths, real)
        mean = 0.5 * (of_queries + of_keys)
    else:
        mean = 0.5 * _mean_squared_distance(queries, keys, *real)
    scale = _inverse_root(mean)
    return queries * scale, keys * scale


def _real_steps(x, mask):
    """Lay out a mask `(rows, steps)` beside `x`, `(rows, layers, steps, ..., width)`."""
    rows, _, steps, *rest = ops.shape(x)
    return ops.reshape(ops.cast(mask, "float32"), (rows, 1, steps, *[1] * len(rest)))


def _mean(x, real):
    """Average over real steps; 0 where there is none."""
    number = backend.at_least(ops.sum(real, axis=2, keepdims=True), 1.0)
    return ops.sum(x * real, axis=2, keepdims=True) / number


def _mean_squared_distance(queries, keys, real_queries, real_keys):
    """Average |q_n - k_m|^2 over all pairs: the two variances and the distance of the means."""
    total, centres = 0.0, []
    for x, real in ((queries, real_queries), (keys, real_keys)):
        centre = _mean(x, real)
        total = total + _mean(ops.sum((x - centre) ** 2, axis=-1, keepdims=True), real)
        centres.append(centre)
    apart = ops.sum((centres[0] - centres[1]) ** 2, axis=-1, keepdims=True)
    return total + apart


def _inverse_root(x):
    """Return 1 / sqrt(x), and 0 without a gradient where x is 0 but for rounding."""
    positive = x > _LEAST_SQUARED_LENGTH
    # The unused branch has to be finite as well, or its gradient were 0 times infinity.
    return ops.where(positive, ops.rsqrt(ops.where(positive, x, 1.0)), 0.0)


def _by_head(x):
    """Lay out (batch, layers, steps, heads, width) as (batch x heads, layers, steps, width).

    Attention matrices of samples and heads have nothing to do with each other; those of layers do.
    """
    _, layers, steps, _, width = ops.shape(x)
    return ops.reshape(ops.transpose(x, (0, 3, 1, 2, 4)), (-1, layers, steps, width))


def _by_layer(x, heads):
    """Undo `_by_head`, to a vector: what has several axes would keep the order it has in memory."""
    _, layers, steps, width = ops.shape(x)
    x = ops.reshape(x, (-1, heads, layers, steps, width))
    return ops.reshape(ops.transpose(x, (0, 2, 3, 1, 4)), (-1,))


def _in_blocks(function, inputs):
    """Apply `function` to as many rows at once as fill a block, one block after the other.

    Where the layers of one row do not fit into a block together, they go one by one, and a matrix
    that is larger than a block goes in tiles.
    """
    (rows, layers, query_steps, _), key_steps = inputs[0].shape, inputs[1].shape[2]
    if None in (rows, query_steps, key_steps):
        return function(*inputs, together=layers, tiles=1)
    block = backend.block_entries(inputs[0], _BLOCK_ENTRIES, _GPU_BLOCK_ENTRIES, _BYTES_AN_ENTRY)
    matrix = query_steps * key_steps
    together = layers if layers * matrix <= 2 * block else 1
    tiles = min(-(-matrix // block), query_steps, _MOST_TILES)
    blocks = -(-rows // max(1, block // (together * matrix)))
    at_once = -(-rows // blocks)

    def apply(inputs):
        return function(*inputs, together=together, tiles=tiles)

    return apply(inputs) if blocks == 1 else map_blocks(apply, inputs, at_once)


def _gradients(q, k, query_mask, key_mask, tau, propagate, mean, normalise, together, tiles):
    """Differentiate d in the queries and the keys of some rows, normalised if they are to be.

    Args:
        q: tensor `(rows, layers, Tq, d)`.
        k: tensor `(rows, layers, Tk, d)`.
        query_mask: boolean `(rows, Tq)`.
        key_mask: boolean `(rows, Tk)`.
        tau, propagate, mean, normalise: see `propagated_alignment`.
        together: number of layers that are worked on at once.
        tiles: number of pieces of an attention matrix, likewise.

    Returns:
        List of two tensors like `q` and `k`.
    """
    gradients, before = [], [None] * tiles
    for first in range(0, q.shape[1], together):
        queries, keys = (x[:, first : first + together] for x in (q, k))
        pairs = confident_pairs(queries, keys, query_mask, key_mask, tau, tiles)
        if propagate:
            pairs = [_propagated(w, v) for w, v in zip(pairs, before, strict=True)]
            before = [v[:, -1] for v in pairs]
        sides = _normalised(queries, keys, query_mask, key_mask, normalise)
        gradients.append(_pull(*sides, pairs, mean))
    if len(gradients) == 1:
        return gradients[0]
    return [ops.concatenate(layers, axis=1) for layers in zip(*gradients, strict=True)]


def _propagated(w, before):
    """Turn W^i into V^i.

    Args:
        w: tensor `(rows, layers, queries, Tk)`.
        before: V of the layer before the first of these, `(rows, queries, Tk)`, or `None`.
    """
    v = list(ops.unstack(w, w.shape[1], axis=1))
    for i, own in enumerate(v):
        before = v[i] = own if before is None else ops.maximum(before, own)
    return v[0][:, None] if len(v) == 1 else ops.stack(v, axis=1)


def _pull(q, k, pairs, mean):
    """Differentiate sum_nm V_nm |q_n - k_m|^2 in q and k; V comes in tiles of its rows."""
    # With a column of ones, the same products give the row and the column sums of V. The short
    # side comes first, which a processor multiplies several times faster.
    q_and_one, k_and_one = (ops.concatenate([x, ops.ones_like(x[..., :1])], -1) for x in (q, k))
    to_queries, to_keys = [], 0.0
    for rows, v in zip(cut(q_and_one, len(pairs)), pairs, strict=True):
        to_queries.append(ops.matmul(transposed(k_and_one), transposed(v)))
        to_keys = to_keys + ops.matmul(transposed(rows), v)
    to_queries = transposed(ops.concatenate(to_queries, axis=-1))
    to_keys = transposed(to_keys)
    number = to_queries[..., -1:]
    pulls = [q * number - to_queries[..., :-1], k * to_keys[..., -1:] - to_keys[..., :-1]]
    scale = 2.0
    if mean:
        scale = 2.0 / backend.at_least(ops.sum(number, axis=-2, keepdims=True), 1.0)
    return [scale * x for x in pulls]
