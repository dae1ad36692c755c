"""Confident pairs: the entries of attention matrices above a rank, without sorting them."""

import math

from keras import ops

from kerasfuse import backend
from kerasfuse.ops.attention import MASKED_LOGIT

_MAX_PROBES = 48


def confident_pairs(query, key, query_mask, key_mask, tau, tiles=1):
    """Compare the entries of each attention matrix with the one of descending rank floor(tau n).

    Args:
        query: tensor `(rows, layers, Tq, head_dim)`; a row is a head of a sample.
        key: tensor `(rows, layers, Tk, head_dim)`.
        query_mask: boolean `(rows, Tq)`, `True` at real steps.
        key_mask: boolean `(rows, Tk)`. n counts the pairs of two real steps.
        tau: fraction to select, in (0, 1].
        tiles: into how many pieces of about as many queries each matrix is cut.

    Returns:
        List over the tiles of tensors `(rows, layers, queries, Tk)`, 1 at floor(tau n) entries of
        each matrix and 0 at others. Comparison is strict, so ties at the threshold are left out,
        and a uniform matrix selects nothing (for tau < 1).
    """
    log_scores, normaliser = _log_scores(query, key, query_mask, key_mask, tiles)
    threshold = None
    if tiles == 1:
        threshold = backend.value_at_rank(log_scores[0], query_mask, key_mask, tau)
    if threshold is None:
        rank, *moments = _rank_and_moments(query, key, normaliser, query_mask, key_mask, tau)
        threshold = threshold_at_rank(log_scores, rank, *moments)
    # All that are real where all are wanted.
    threshold = backend.at_least(threshold, 0.5 * MASKED_LOGIT)
    return [backend.above(x, threshold[..., None, None]) for x in log_scores]


def _log_scores(query, key, query_mask, key_mask, tiles):
    """Return the logarithms of attention to base 2, low at pairs that are not real, by tile.

    They rank as attention does, and a processor computes powers of 2 faster than those of e. Beside
    them: the logarithm of the sum of what each query attends to, `(rows, layers, Tq)`.
    """
    hidden_queries, hidden_keys = (
        (1.0 - ops.cast(m, "float32"))[:, None, :, None] * MASKED_LOGIT
        for m in (query_mask, key_mask)
    )
    # The mask of the keys rides along as a column of the product.
    ones = ops.ones_like(query[..., :1])
    queries = ops.concatenate([_to_base_2(query), ones], axis=-1)
    hidden_keys = ops.broadcast_to(hidden_keys, ops.shape(key[..., :1]))
    keys = transposed(ops.concatenate([key, hidden_keys], axis=-1))
    log_scores, normalisers = [], []
    for rows, hidden in zip(cut(queries, tiles), cut(hidden_queries, tiles), strict=True):
        scores, normaliser = backend.log_softmax_2(ops.matmul(rows, keys), hidden)
        log_scores.append(scores)
        normalisers.append(normaliser)
    return log_scores, ops.concatenate(normalisers, axis=2)[..., 0]


def _to_base_2(query):
    return query * (query.shape[-1] ** -0.5 * math.log2(math.e))


def _rank_and_moments(query, key, normaliser, query_mask, key_mask, tau):
    """Return rank, number, mean and standard deviation of the valid entries, from the sides alone.

    The entries are q_i.k_j - normaliser_i.
    """
    real_q, real_k = (ops.cast(m, "float32")[:, None] for m in (query_mask, key_mask))
    num_q, num_k = ops.sum(real_q, axis=-1), ops.sum(real_k, axis=-1)
    count = num_q * num_k
    # The small addition keeps products such as 0.29 x 100 from falling just below their integer.
    rank = ops.floor(tau * count + 1e-4)

    normaliser = normaliser * real_q
    query, key = _to_base_2(query) * real_q[..., None], key * real_k[..., None]
    sum_q, sum_k = ops.sum(query, axis=-2), ops.sum(key, axis=-2)
    pairs = ops.maximum(count, 1.0)
    mean = (ops.sum(sum_q * sum_k, axis=-1) - num_k * ops.sum(normaliser, axis=-1)) / pairs
    gram_q = ops.matmul(transposed(query), query)
    gram_k = ops.matmul(transposed(key), key)
    cross = ops.sum(ops.sum(query * normaliser[..., None], axis=-2) * sum_k, axis=-1)
    square = ops.sum(gram_q * gram_k, axis=(-2, -1)) - 2.0 * cross
    square = (square + num_k * ops.sum(normaliser**2, axis=-1)) / pairs
    deviation = ops.sqrt(ops.maximum(square - mean**2, 0.0))
    return rank, count, mean, deviation


def threshold_at_rank(tiles, rank, count, mean, deviation):
    """Find a threshold that exactly `rank` entries of a matrix exceed.

    By Cantelli's inequality the threshold lies between mean - sd sqrt(p / (1 - p)) and
    mean + sd sqrt((1 - p) / p), p = rank / count. Inside, a secant search, started from the normal
    quantile and kept within the shrinking bracket, counts the entries above a probe: one pass
    each, about seven for 200,000 entries.

    Args:
        tiles: list of float tensors `(..., rows, columns)`, the matrices cut into pieces; entries
            that do not count are below all others.
        rank: float tensor, broadcastable to `(...)`.
        count: how many entries count, broadcastable to `(...)`.
        mean: their mean, `(...)`.
        deviation: their standard deviation, `(...)`.

    Returns:
        Tensor `(...)`. Where ties make `rank` impossible, a threshold just above the tie, so that
        fewer are exceeded.
    """
    share = ops.clip(rank / ops.maximum(count, 1.0), 1e-6, 1.0 - 1e-6)
    # Room for rounding in mean and deviation, and for entries that are all alike.
    slack = 1e-2 * deviation + 1e-4 * (1.0 + ops.abs(mean))
    low = mean - deviation * ops.sqrt(share / (1.0 - share)) - slack
    high = mean + deviation * ops.sqrt((1.0 - share) / share) + slack
    # All of them, or none: an end beyond every entry settles it.
    none = rank <= 0
    every = ops.logical_and(rank >= count, ops.logical_not(none))
    high = ops.where(every, MASKED_LOGIT, ops.where(none, -MASKED_LOGIT, high))
    settled = ops.logical_or(ops.logical_or(every, none), ops.zeros_like(high, dtype="bool"))

    # Entries a unit of value near the threshold, were they normal: the slope of the first step.
    quantile = 2.0**0.5 * ops.erfinv(1.0 - 2.0 * share)
    density = count * ops.exp(-0.5 * quantile**2) / (2.0 * math.pi) ** 0.5
    width = deviation / ops.maximum(density, 1e-6) + ops.zeros_like(high)
    probe = mean + quantile * deviation

    def unsettled(step, low, high, probe, width, last_probe, last_excess, settled):
        return ops.logical_not(ops.all(settled))

    def search(step, low, high, probe, width, last_probe, last_excess, settled):
        level = probe[..., None, None]
        excess = sum(ops.sum(backend.above(x, level), axis=(-2, -1)) for x in tiles) - rank
        too_low = excess > 0
        low = ops.where(ops.logical_or(settled, excess <= 0), low, probe)
        high = ops.where(ops.logical_or(settled, too_low), high, probe)
        narrow = high - low <= 1e-6 * (1.0 + ops.abs(high))
        settled = ops.logical_or(settled, ops.logical_or(excess == 0, narrow))

        # `width` is what one entry takes up on the scale of values, by the last two probes. Where
        # the step leaves the bracket, or steps get many, halve.
        counted = last_excess - excess
        secant = (probe - last_probe) / ops.where(counted == 0, 1.0, counted)
        width = ops.where(secant > 0, secant, width)
        following = probe + excess * width
        inside = ops.logical_and(following > low, following < high)
        inside = ops.logical_and(inside, ops.logical_or(step < 8, step % 2 == 0))
        following = ops.where(inside, following, 0.5 * (low + high))
        return step + 1, low, high, following, width, probe, excess, settled

    # No last probe yet: a secant of 0 keeps the first width.
    state = (0, low, high, probe, width, probe, ops.zeros_like(high), settled)
    steps = backend.search_steps(tiles[0])
    if steps is not None:
        return ops.fori_loop(0, steps, lambda _, state: search(*state), state)[2]
    return ops.while_loop(unsettled, search, state, maximum_iterations=_MAX_PROBES)[2]


def cut(x, tiles):
    """Cut `(rows, layers, steps, ...)` into pieces of about as many steps."""
    if tiles == 1:
        return [x]
    bounds = [x.shape[2] * i // tiles for i in range(tiles + 1)]
    return [x[:, :, a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


def transposed(x):
    """Swap the last two axes."""
    return ops.swapaxes(x, -1, -2)
