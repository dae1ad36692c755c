"""Memory that is freed and asked for again, without the system in between."""

import functools

import numpy as np

# The largest block by which the GNU C library learns.
_LARGEST = 2**25 - 2**16


@functools.cache
def keep():
    """Let the C library of Linux keep what is freed, up to 64 MB, for the next who asks.

    Blocks above a size come from the system and go back to it, which takes as long as to fill them.
    That size grows to the largest block that was freed; nothing is written into this one.
    """
    np.empty(_LARGEST, "uint8")
