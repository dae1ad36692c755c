"""Masks of padded steps: found once from the raw input, then handed from layer to layer."""

from keras import ops

from kerasfuse import backend


def padding_mask(x):
    """Tell the real steps of a sequence from the padded ones.

    A step is padding when all its features are exactly 0, or when its id is 0: the convention
    of `keras.layers.Masking`. Padding may stand on either side; a zero step in the middle is a
    missing frame, masked alike.

    Args:
        x: tensor `(batch, steps, features)` of numbers, or `(batch, steps)` of integer ids.

    Returns:
        Boolean tensor `(batch, steps)`, `True` where a step is real.

    Example:

    >>> padding_mask(np.array([[[0.0, 0.0], [0.0, 2.0]]]))   # [[False, True]]
    """
    real = ops.cast(x, "bool")
    return real if len(x.shape) == 2 else ops.any(real, axis=-1)


def presence(mask, dtype):
    """Return 1 for samples with a real step and 0 for others, `(batch, 1)`."""
    return backend.once(_presence, mask, dtype)


def _presence(mask, dtype):
    return ops.cast(ops.any(mask, axis=1, keepdims=True), dtype)


def first_valid_step(mask):
    """Return the index of the first real step of each sample, `(batch,)`; 0 where none is real."""
    return ops.argmax(ops.cast(mask, "int32"), axis=1)


def last_valid_step(mask):
    """Return the index of the last real step of each sample, `(batch,)`; 0 where none is real."""
    steps = ops.arange(ops.shape(mask)[1], dtype="int32")
    return ops.max(ops.cast(mask, "int32") * steps[None, :], axis=1)


def first_valid_steps(x, mask, count):
    """Take the first real steps of each sample, in order; zeros where a sample has fewer.

    Args:
        x: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps.
        count: how many to take, a number.

    Returns:
        Tensor `(batch, count, width)`, and boolean `(batch, count)`, `True` where it holds a step.

    Example:

    >>> x, mask = np.array([[[1.0], [2.0], [3.0]]]), np.array([[False, True, True]])
    >>> first_valid_steps(x, mask, 1)   # [[[2.]]], [[True]]
    """
    number = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    wanted = ops.arange(1, count + 1, dtype="int32")[None, :, None]
    # As a product with a matrix of zeros and ones: any number of steps will do, even fewer.
    chosen = ops.logical_and(ops.equal(number[:, None, :], wanted), mask[:, None, :])
    return ops.matmul(ops.cast(chosen, x.dtype), x), ops.any(chosen, axis=-1)


def gather_step(x, index):
    """Take one step of each sample: `(batch, steps, width)`, `(batch,)` -> `(batch, width)`."""
    return ops.squeeze(backend.take_along_axis(x, index[:, None, None], axis=1), axis=1)
