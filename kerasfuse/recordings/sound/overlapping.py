"""Blocks of sound that overlap, so that a transform of windows does not see where they end."""

import numpy as np


def overlapping(blocks, stride, margin, steps=3000):
    """Cut sound into parts with the windows before and after them.

    Step i is the window around sample `i * stride`, the last one at the end or before it. A
    transform gives a part one step each `stride` samples, the first one at its first sample; of
    these the first `front` and all behind the next `count` belong to other parts.

    Args:
        blocks: iterable of arrays `(samples,)`.
        stride: samples from window to window.
        margin: steps in front and behind that a part has beside its own; a window reaches no
            further than `margin * stride` samples to a side.
        steps: of a part.

    Yields:
        `(part, front, count)`. There is none for no sound.
    """
    held, front, begun = np.zeros(0, "float32"), 0, False
    for block in blocks:
        held = np.concatenate([held, block])
        begun = begun or len(held) > 0
        while len(held) > (needed := (front + steps - 1 + margin) * stride):
            yield held[: needed + 1], front, steps
            held, front = held[(front + steps - margin) * stride :], margin
    if begun:
        yield held, front, len(held) // stride + 1 - front
