"""Scaled dot-product attention that is exact about absent keys, fused and explicit."""

from keras import ops

from kerasfuse import backend

# Added to the logits of masked keys. Finite, so that a row without any valid key stays finite, and
# small enough for float16; what such a row attends to is multiplied away afterwards.
MASKED_LOGIT = -3e4


def causal_slack_mask(query_steps, key_steps):
    """Build MulT's "causal with slack" mask: query i sees key j iff j <= i + |Tk - Tq|.

    It depends on padded lengths, so outputs under it do too. MulT's authors report that it makes
    no difference; it is here for parity with their code.

    Returns:
        Boolean tensor `(query_steps, key_steps)`, `True` where attention is allowed.
    """
    slack = ops.abs(ops.cast(key_steps, "int32") - ops.cast(query_steps, "int32"))
    i = ops.arange(query_steps, dtype="int32")[:, None]
    j = ops.arange(key_steps, dtype="int32")[None, :]
    return j <= i + slack


def attention_mask(query, key, key_mask=None, causal=False):
    """Combine the mask of padded keys with the causal one, broadcastable to (batch, heads, Tq, Tk).

    Args:
        query: tensor `(batch, Tq, heads, head_dim)`; only its number of steps is used.
        key: tensor `(batch, Tk, heads, head_dim)`; likewise.
        key_mask: boolean `(batch, Tk)`, `True` at real steps, or `None`.
        causal: whether to apply `causal_slack_mask`.

    Returns:
        Boolean tensor of rank 4, or `None` when nothing is masked.
    """
    mask = None if key_mask is None else key_mask[:, None, None, :]
    if causal:
        slack = causal_slack_mask(ops.shape(query)[1], ops.shape(key)[1])[None, None]
        mask = slack if mask is None else ops.logical_and(mask, slack)
    return mask


def attention_logits(query, key, mask=None):
    """Return the float32 logits q.k / sqrt(head_dim), `(batch, heads, Tq, Tk)`, low if masked."""
    query = ops.cast(ops.transpose(query, (0, 2, 1, 3)), "float32")
    key = ops.cast(ops.transpose(key, (0, 2, 3, 1)), "float32")
    logits = ops.matmul(query * query.shape[-1] ** -0.5, key)
    return logits if mask is None else ops.where(mask, logits, MASKED_LOGIT)


def attention_scores(query, key, key_mask=None, causal=False):
    """Return the attention matrix softmax(q k^T / sqrt(head_dim)) of every head.

    Args:
        query: tensor `(batch, Tq, heads, head_dim)`.
        key: tensor `(batch, Tk, heads, head_dim)`.
        key_mask: boolean `(batch, Tk)`, `True` at real steps, or `None`.
        causal: whether to apply `causal_slack_mask`.

    Returns:
        Tensor `(batch, heads, Tq, Tk)`, float32: rows sum to 1 over the valid keys, and are 0 where
        a sample has no valid key at all.
    """
    mask = attention_mask(query, key, key_mask, causal)
    logits = attention_logits(query, key, mask)
    # Written out: Keras' softmax warns of a single key, which one absent modality makes.
    scores = ops.exp(logits - ops.logsumexp(logits, axis=-1, keepdims=True))
    return scores if mask is None else scores * ops.cast(mask, scores.dtype)


def fused_attention(query, key, value, key_mask=None, causal=False):
    """Attend with the backend's fused kernel, which never holds a `(Tq, Tk)` matrix of scores.

    Args:
        query: tensor `(batch, Tq, heads, head_dim)`.
        key: tensor `(batch, Tk, heads, head_dim)`.
        value: tensor like `key`.
        key_mask: boolean `(batch, Tk)`, `True` at real steps, or `None`.
        causal: whether to apply `causal_slack_mask`.

    Returns:
        Tensor `(batch, Tq, heads, head_dim)`. Rows without any valid key hold an arbitrary finite
        value: the caller masks them.
    """
    mask = attention_mask(query, key, key_mask, causal)
    return backend.fused_attention(query, key, value, mask, None if causal else key_mask)
