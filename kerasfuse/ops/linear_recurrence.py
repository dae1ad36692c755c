"""A recurrence that is linear in its state, over all steps at once."""

from keras import ops


def linear_recurrence(decay, increment):
    """Unroll a recurrence that is linear in its state, from a state of zeros.

        y_t = a_t y_(t-1) + b_t,   y_0 = 0

    elementwise, by doubling: after k rounds each step knows what the 2^k steps up to it make of any
    state, so that log2(steps) rounds over whole arrays take the place of a loop over the steps.

    Args:
        decay: a, tensor `(batch, steps, width)`, or of width 1.
        increment: b, tensor `(batch, steps, width)`.

    Returns:
        y, tensor `(batch, steps, width)`.

    Example:

    >>> linear_recurrence(np.full((1, 3, 1), 0.5), np.ones((1, 3, 1)))   # 1, 1.5, 1.75
    """
    static = decay.shape[1]
    # Where the number of steps is known only at run time, rounds beyond it change nothing.
    rounds = 16 if static is None else (static - 1).bit_length()
    steps = ops.shape(decay)[1]
    a, b = decay, increment
    for k in range(rounds):
        shift = 2**k if static else ops.minimum(2**k, steps)
        b = b + a * _delayed(b, shift, steps, ops.zeros_like)
        # The steps before the first one keep any state as it is.
        a = a * _delayed(a, shift, steps, ops.ones_like)
    return b


def _delayed(x, shift, steps, fill):
    """Move `(batch, steps, width)` by `shift` steps to the right, and fill what is free."""
    return ops.concatenate([fill(x[:, :shift]), x[:, : steps - shift]], axis=1)


def with_previous(x):
    """Put what was there a step before in front: `(batch, steps, width)` -> `(..., 2 width)`."""
    before = ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])
    return ops.concatenate([before, x], axis=-1)
