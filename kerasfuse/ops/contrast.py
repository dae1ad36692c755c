"""Contrast of embeddings: cosine similarities, and what a positive pair costs against negatives."""

from keras import ops

from kerasfuse import backend

# A logit that is low enough for exp to be 0 beside any cosine, and finite, so that gradients are.
_NONE = -1e9


def unit_vectors(x):
    """Scale each vector `(..., width)` to length 1, in float32; the zero vector stays zero.

        u = x / |x|

    Cosine similarity is the product of two of them. With the zero vector, an absent modality, it is
    0 and sends no gradient.

    Args:
        x: tensor `(..., width)`.

    Returns:
        Tensor like `x`, float32.

    Example:

    >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]]))   # [[0.6, 0.8], [0, 0]]
    """
    x = ops.cast(x, "float32")
    # The largest entry first: squares of tiny or huge vectors would leave float32.
    largest = ops.max(ops.abs(x), axis=-1, keepdims=True)
    present = largest > 0
    x = x / backend.where(present, ops.stop_gradient(largest), 1.0)
    x = backend.where(present, x, 0.0)
    squared = ops.sum(x * x, axis=-1, keepdims=True)
    return x / ops.sqrt(backend.where(present, squared, 1.0))


def log_sum_exp(logits, mask):
    """Return log sum_j m_ij exp(z_ij) over the last axis, about -1e9 where no entry is selected.

    Args:
        logits: tensor `(..., entries)`.
        mask: boolean tensor, broadcastable to `logits`.

    Returns:
        Tensor `(...)`.
    """
    return ops.logsumexp(backend.where(mask, logits, _NONE), axis=-1)


def pair_loss(positive, negatives):
    """Return what a positive pair costs against the negatives of its anchor.

        l = -log( exp(z_p) / (exp(z_p) + sum_n exp(z_n)) ) = log(1 + exp(log sum_n exp(z_n) - z_p))

    Exactly 0, with no gradient, where there is no negative.

    Reference: Chen et al., SimCLR, ICML 2020, equation 1 (NT-Xent); DAHB, equation 3.

    Args:
        positive: tensor, the logit z_p of the pair: its similarity over the temperature.
        negatives: tensor that broadcasts to it, the log of the sum over the negatives, see
            `log_sum_exp`.

    Returns:
        Tensor of their common shape.

    Example:

    >>> pair_loss(1.0, 1.0)   # log 2
    """
    return ops.softplus(negatives - positive)
