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


def propagated_alignment(queries, keys, query_mask, key_mask, tau=0.3, propagate=True, mean=True):
    """Measure the squared distance between queries and keys that attention is confident about.

    With P^i the attention matrix of layer i (one head), n the number of its valid entries and
    gamma the entry of descending rank floor(tau n):

        W^i = [P^i > gamma]           the confident pairs of this layer
        V^i = W^0 or ... or W^i       (propagated; V^i = W^i otherwise)
        d^i = sum_nm V^i_nm |q^i_n - k^i_m|^2

    V sends no gradient; the distances send theirs to queries and keys: 2 (r_n q_n - (V k)_n) and
    2 (c_m k_m - (V^T q)_m) with r and c the row and column sums of V. Nothing of shape
    (steps, steps, width) exists, and gamma is found without sorting.

    Reference: Liang et al., "Attention is not Enough" (MICA), ICCV 2021, section 3.4, equation 2.
    The paper leaves open how the sums are normalised: `mean=True` divides each d by its number
    of pairs and averages over samples, heads and layers; `mean=False` sums as printed.

    Args:
        queries: list over layers of tensors `(batch, Tq, heads, head_dim)`.
        keys: list over layers of tensors `(batch, Tk, heads, head_dim)`.
        query_mask: boolean `(batch, Tq)`, `True` at real steps.
        key_mask: boolean `(batch, Tk)`, likewise.
        tau: fraction of the valid entries that counts as confident, in (0, 1].
        propagate: whether the pairs of earlier layers stay selected.
        mean: the mean over pairs, samples, heads and layers, or the plain sum over samples.

    Returns:
        Scalar float32: 0 where a modality is absent or attention is uniform.

    Example:

    >>> q, k = np.random.normal(size=(2, 8, 6, 4, 5))       # (batch, steps, heads, head_dim)
    >>> real = np.ones((8, 6), bool)
    >>> propagated_alignment([q], [k], real, real, tau=0.3)
    """
    heads = queries[0].shape[2]
    sides = [ops.cast(ops.stack(x, axis=1), "float32") for x in (queries, keys)]
    gradients = _in_blocks(
        functools.partial(_gradients, tau=tau, propagate=propagate, mean=mean),
        [
            *(_by_head(ops.stop_gradient(x)) for x in sides),
            *(ops.repeat(mask, heads, axis=0) for mask in (query_mask, key_mask)),
        ],
    )
    # d is of the second degree in queries and keys: these times what pulls at them make 2 d.
    twice = 0.0
    for x, pull in zip(sides, gradients, strict=True):
        pull = ops.stop_gradient(_by_layer(pull, heads))
        twice = twice + ops.sum(pull * ops.reshape(x, (-1,)))
    loss = twice - 0.5 * ops.stop_gradient(twice)
    if not mean:
        return loss
    matrices = len(queries) * ops.shape(query_mask)[0] * heads
    return loss / (matrices if isinstance(matrices, int) else ops.cast(matrices, loss.dtype))


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


def _gradients(q, k, query_mask, key_mask, tau, propagate, mean, together, tiles):
    """Differentiate d in the queries and the keys of some rows.

    Args:
        q: tensor `(rows, layers, Tq, d)`.
        k: tensor `(rows, layers, Tk, d)`.
        query_mask: boolean `(rows, Tq)`.
        key_mask: boolean `(rows, Tk)`.
        tau, propagate, mean: see `propagated_alignment`.
        together: number of layers that are worked on at once.
        tiles: number of pieces of an attention matrix, likewise.

    Returns:
        List of two tensors like `q` and `k`.
    """
    gradients, before = [], [None] * tiles
    for first in range(0, q.shape[1], together):
        queries, keys = (x[:, first : first + together] for x in (q, k))
        margins = confident_pairs(queries, keys, query_mask, key_mask, tau, tiles)
        if propagate:
            margins = [_propagated(w, v) for w, v in zip(margins, before, strict=True)]
            before = [v[:, -1] for v in margins]
        gradients.append(_pull(queries, keys, margins, mean))
    if len(gradients) == 1:
        return gradients[0]
    return [ops.concatenate(layers, axis=1) for layers in zip(*gradients, strict=True)]


def _propagated(w, before):
    """Turn W^i into V^i; a pair is where an entry is above 0.

    Args:
        w: tensor `(rows, layers, queries, Tk)`.
        before: V of the layer before the first of these, `(rows, queries, Tk)`, or `None`.
    """
    v = list(ops.unstack(w, w.shape[1], axis=1))
    for i, own in enumerate(v):
        before = v[i] = own if before is None else ops.maximum(before, own)
    return v[0][:, None] if len(v) == 1 else ops.stack(v, axis=1)


def _pull(q, k, margins, mean):
    """Differentiate sum_nm V_nm |q_n - k_m|^2 in q and k; V is where the margins are above 0."""
    # With a column of ones, the same products give the row and the column sums of V. The short
    # side comes first, which a processor multiplies several times faster.
    q_and_one, k_and_one = (ops.concatenate([x, ops.ones_like(x[..., :1])], -1) for x in (q, k))
    to_queries, to_keys = [], 0.0
    for rows, margin in zip(cut(q_and_one, len(margins)), margins, strict=True):
        # What a processor does in half the time of a comparison and its cast.
        v = ops.relu(ops.sign(margin))
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
