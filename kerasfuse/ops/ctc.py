"""Connectionist temporal classification of labels that are known but for their times."""

from keras import ops


def monotone_ctc_loss(scores, mask, count):
    """Measure how well frames run through the labels 1, 2, ..., n in this order.

        L = -log sum over paths of prod_t softmax(scores_t)[path_t]

    A path gives each real frame a label or the blank 0; without its blanks and repetitions it reads
    1 2 ... n.

    Reference: Graves et al., "Connectionist Temporal Classification", ICML 2006.

    Args:
        scores: tensor `(batch, frames, N + 1)`, logits of the blank and of N labels.
        mask: boolean `(batch, frames)`, `True` at real frames, wherever they stand.
        count: integers `(batch,)`, the labels n of each sample, at most N.

    Returns:
        Tensor `(batch,)`, float32: 0 where there are no labels, or fewer frames than labels.

    Example:

    >>> scores = np.zeros((1, 2, 2), "float32")    # blank and one label, even odds, two frames
    >>> monotone_ctc_loss(scores, np.ones((1, 2), bool), np.array([1]))   # -log 3/4
    """
    batch, frames, classes = ops.shape(scores)
    labels = ops.broadcast_to(ops.arange(1, classes, dtype="int32"), (batch, classes - 1))
    # Real frames first, in their order.
    order = ops.arange(frames, dtype="int32") + ops.where(mask, 0, frames)
    scores = ops.take_along_axis(scores, ops.argsort(order, axis=1)[:, :, None], axis=1)
    real = ops.sum(ops.cast(mask, "int32"), axis=1)
    possible = ops.logical_and(count > 0, real >= count)
    # Of what nothing can produce the backends say infinity, with gradients of NaN.
    count, real = ops.where(possible, count, 1), ops.where(possible, real, frames)
    loss = ops.ctc_loss(labels, ops.cast(scores, "float32"), count, real)
    return ops.where(possible, loss, 0.0)
