"""Another sampling rate for sound that comes in blocks."""

import numpy as np
from scipy import signal

# Samples of a block; a multiple of the step is taken.
_BLOCK = 2**18


def resampled(blocks, rate, wanted):
    """Resample blocks, as `scipy.signal.resample_poly` does the whole.

    Neighbouring blocks overlap by the length of its filter, so that nothing is heard or seen of
    where they end.

    Args:
        blocks: iterable of float32 arrays `(samples,)`.
        rate: their samples a second.
        wanted: samples a second that come out.

    Yields:
        float32 arrays `(samples,)`.
    """
    if rate == wanted:
        yield from blocks
        return
    divisor = int(np.gcd(rate, wanted))
    up, down = wanted // divisor, rate // divisor
    # resample_poly's filter reaches 10 * max(up, down) samples at the common rate.
    margin = down * (10 * max(up, down) // (up * down) + 2)
    step = down * max(1, _BLOCK // down)
    held, lead = np.zeros(0, "float32"), 0
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= lead + step + margin:
            found = signal.resample_poly(held[: lead + step + margin], up, down)
            first = lead // down * up
            yield found[first : first + step // down * up].astype("float32")
            held, lead = held[lead + step - margin :], margin
    if len(held) > lead:
        yield signal.resample_poly(held, up, down)[lead // down * up :].astype("float32")
