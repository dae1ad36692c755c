"""Propagated element-level alignment: pull together what attention says belongs together."""

import math

from keras import ops

from kerasfuse.ops.attention import MASKED_LOGIT
from kerasfuse.ops.blocks import map_blocks

_MAX_PROBES = 48

# Entries of the attention matrices that are worked on at once: about the size of a cache.
_BLOCK_ENTRIES = 2**20


def propagated_alignment(queries, keys, query_mask, key_mask, tau=0.3, propagate=True, mean=True):
    """Measure the squared distance between queries and keys that attention is confident about.

    With P^i the attention matrix of layer i (one head), n the number of its valid entries and
    gamma the entry of descending rank floor(tau n):

        W^i = [P^i > gamma]           the confident pairs of this layer
        V^i = W^0 or ... or W^i       (propagated; V^i = W^i otherwise)
        d^i = sum_nm V^i_nm |q^i_n - k^i_m|^2

    V sends no gradient; the distances send theirs to queries and keys. The distance is formed as
    sum_n r_n |q_n|^2 + sum_m c_m |k_m|^2 - 2 sum_n q_n.(V k)_n with r and c the row and column sums
    of V, so nothing of shape (steps, steps, width) exists, and gamma is found by counting, not
    sorting.

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
    q, k = _by_head(queries), _by_head(keys)
    value, q_gradient, k_gradient = _in_blocks(
        lambda block: _value_and_gradients(*block, tau, propagate, mean),
        [
            ops.stop_gradient(q),
            ops.stop_gradient(k),
            ops.repeat(query_mask, heads, axis=0),
            ops.repeat(key_mask, heads, axis=0),
        ],
    )
    # Value and gradient are known: terms that are 0 in value carry the gradient.
    loss = (
        ops.sum(ops.stop_gradient(value))
        + ops.sum(ops.stop_gradient(q_gradient) * (q - ops.stop_gradient(q)))
        + ops.sum(ops.stop_gradient(k_gradient) * (k - ops.stop_gradient(k)))
    )
    return loss / ops.cast(ops.shape(q)[0] * q.shape[1], loss.dtype) if mean else loss


def _by_head(layers):
    """Lay out `(batch, steps, heads, head_dim)`, one a layer, as (batch x heads, layers, steps, d).

    Attention matrices of samples and heads have nothing to do with each other; those of layers do.
    """
    x = ops.cast(ops.stack(layers, axis=1), "float32")
    x = ops.transpose(x, (0, 3, 1, 2, 4))
    return ops.reshape(x, (-1, len(layers), ops.shape(x)[3], x.shape[4]))


def _in_blocks(function, inputs):
    """Apply `function` to as many rows at once as fill a block, one block after the other."""
    (rows, layers, query_steps, _), key_steps = inputs[0].shape, inputs[1].shape[2]
    if None in (rows, query_steps, key_steps):
        return function(inputs)
    at_once = max(1, min(rows, _BLOCK_ENTRIES // (layers * query_steps * key_steps)))
    while rows % at_once:
        at_once -= 1
    return function(inputs) if at_once == rows else map_blocks(function, inputs, at_once)


def _value_and_gradients(q, k, query_mask, key_mask, tau, propagate, mean):
    layers = q.shape[1]
    selected = confident_pairs(q, k, query_mask[:, None], key_mask[:, None], tau)
    if propagate and layers > 1:
        selected = _propagated(selected, layers)
    v = ops.cast(selected, "float32")  # (rows, layers, Tq, Tk)

    # With a column of ones, the same products give the row and the column sums of V. The short
    # side comes first, which a processor multiplies several times faster.
    to_keys = ops.matmul(_transposed(_with_columns(k, 1.0)), _transposed(v))
    to_queries = ops.matmul(_transposed(_with_columns(q, 1.0)), v)
    selected_keys, rows = _transposed(to_keys[..., :-1, :]), to_keys[..., -1, :, None]
    selected_queries, columns = _transposed(to_queries[..., :-1, :]), to_queries[..., -1, :, None]
    distance = (
        ops.sum(rows * q * q, axis=(-2, -1))
        + ops.sum(columns * k * k, axis=(-2, -1))
        - 2.0 * ops.sum(q * selected_keys, axis=(-2, -1))
    )  # (rows, layers)
    scale = ops.ones_like(distance)
    if mean:
        scale = 1.0 / ops.maximum(ops.sum(rows, axis=(-2, -1)), 1.0)
    value = ops.sum(distance * scale, axis=1)
    scale = 2.0 * scale[..., None, None]
    return value, scale * (rows * q - selected_keys), scale * (columns * k - selected_queries)


def _transposed(x):
    return ops.swapaxes(x, -1, -2)


def _propagated(selected, layers):
    by_layer = list(ops.unstack(selected, layers, axis=1))
    for i in range(1, layers):
        by_layer[i] = ops.logical_or(by_layer[i - 1], by_layer[i])
    return ops.stack(by_layer, axis=1)


def _with_columns(x, *columns):
    """Append columns, numbers or tensors `(..., rows)`, to the matrices `(..., rows, width)`."""
    template = x[..., :1]
    wide = [
        ops.full_like(template, c)
        if isinstance(c, float)
        else ops.zeros_like(template) + c[..., None]
        for c in columns
    ]
    return ops.concatenate([x, *wide], axis=-1)


def confident_pairs(query, key, query_mask, key_mask, tau):
    """Select the entries of each attention matrix that exceed their descending rank floor(tau n).

    Args:
        query: tensor `(..., Tq, head_dim)`, any leading axes, such as batch, layers and heads.
        key: tensor `(..., Tk, head_dim)`.
        query_mask: boolean, broadcastable to `(..., Tq)`, `True` at real steps.
        key_mask: boolean, broadcastable to `(..., Tk)`. n counts the pairs of two real steps.
        tau: fraction to select, in (0, 1].

    Returns:
        Boolean `(..., Tq, Tk)`: floor(tau n) entries of each matrix. Comparison is strict, so ties
        at the threshold are left out, and a uniform matrix selects nothing (for tau < 1).
    """
    real_q, real_k = ops.cast(query_mask, "float32"), ops.cast(key_mask, "float32")
    num_q, num_k = ops.sum(real_q, axis=-1), ops.sum(real_k, axis=-1)
    # The small addition keeps products such as 0.29 x 100 from falling just below their integer.
    rank = ops.floor(tau * num_q * num_k + 1e-4)

    # Log-probabilities q.k - logsumexp_k q.k rank as probabilities do. Masks and the normaliser
    # ride along as columns of the product, which saves passes over the big matrix.
    query = query * query.shape[-1] ** -0.5
    hidden_keys = (1.0 - real_k) * MASKED_LOGIT
    keys = _with_columns(key, hidden_keys, 1.0)
    logits = ops.matmul(_with_columns(query, 1.0, 0.0), _transposed(keys))
    normaliser = ops.logsumexp(logits, axis=-1)
    shift = ops.where(query_mask, -normaliser, MASKED_LOGIT)
    log_scores = ops.matmul(_with_columns(query, 1.0, shift), _transposed(keys))

    # Mean and variance of the valid entries, from sums over the sides alone.
    normaliser = normaliser * real_q
    query, key = query * real_q[..., None], key * real_k[..., None]
    sum_q, sum_k = ops.sum(query, axis=-2), ops.sum(key, axis=-2)
    pairs = ops.maximum(num_q * num_k, 1.0)
    mean = (ops.sum(sum_q * sum_k, axis=-1) - num_k * ops.sum(normaliser, axis=-1)) / pairs
    gram_q = ops.matmul(_transposed(query), query)
    gram_k = ops.matmul(_transposed(key), key)
    cross = ops.sum(ops.sum(query * normaliser[..., None], axis=-2) * sum_k, axis=-1)
    square = ops.sum(gram_q * gram_k, axis=(-2, -1)) - 2.0 * cross
    square = (square + num_k * ops.sum(normaliser**2, axis=-1)) / pairs
    deviation = ops.sqrt(ops.maximum(square - mean**2, 0.0))

    threshold = threshold_at_rank(log_scores, rank, num_q * num_k, mean, deviation)
    return log_scores > threshold[..., None, None]


def threshold_at_rank(values, rank, count, mean, deviation):
    """Find a threshold that exactly `rank` entries of the last two axes exceed.

    By Cantelli's inequality the threshold lies between mean - sd sqrt(p / (1 - p)) and
    mean + sd sqrt((1 - p) / p), p = rank / count. Inside, a secant search, started from the normal
    quantile and kept within the shrinking bracket, counts the entries above a probe: one pass
    each, about seven for 200,000 entries.

    Args:
        values: float tensor `(..., rows, columns)`; entries that do not count are below all others.
        rank: float tensor, broadcastable to `(...)`.
        count: how many entries count, broadcastable to `(...)`.
        mean: their mean, `(...)`.
        deviation: their standard deviation, `(...)`.

    Returns:
        Tensor `(...)`. Where ties make `rank` impossible, a threshold just above the tie, so that
        fewer are exceeded.
    """
    entries = ops.cast(ops.shape(values)[-2] * ops.shape(values)[-1], "float32")
    share = ops.clip(rank / ops.maximum(count, 1.0), 1e-6, 1.0 - 1e-6)
    # Room for rounding in mean and deviation, and for entries that are all alike.
    slack = 1e-2 * deviation + 1e-4 * (1.0 + ops.abs(mean))
    low = mean - deviation * ops.sqrt(share / (1.0 - share)) - slack
    high = mean + deviation * ops.sqrt((1.0 - share) / share) + slack
    # All of them, or none: an end beyond every entry settles it.
    none = rank <= 0
    every = ops.logical_and(rank >= count, ops.logical_not(none))
    high = ops.where(every, 0.5 * MASKED_LOGIT, ops.where(none, -MASKED_LOGIT, high))
    settled = ops.logical_or(ops.logical_or(every, none), ops.zeros_like(high, dtype="bool"))

    # Entries a unit of value near the threshold, were they normal: the slope of the first step.
    quantile = 2.0**0.5 * ops.erfinv(1.0 - 2.0 * share)
    density = count * ops.exp(-0.5 * quantile**2) / (2.0 * math.pi) ** 0.5
    width = deviation / ops.maximum(density, 1e-6) + ops.zeros_like(high)
    probe = mean + quantile * deviation

    def unsettled(step, low, high, probe, width, last_probe, last_excess, settled):
        return ops.logical_not(ops.all(settled))

    def search(step, low, high, probe, width, last_probe, last_excess, settled):
        # Signs sum faster than comparisons are cast; an entry equal to the probe counts half.
        signs = ops.sum(ops.sign(values - probe[..., None, None]), axis=(-2, -1))
        excess = 0.5 * (entries + signs) - rank
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
    return ops.while_loop(unsettled, search, state, maximum_iterations=_MAX_PROBES)[2]
