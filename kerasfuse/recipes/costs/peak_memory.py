"""How much memory this process has needed."""

import sys


def peak_memory():
    """Return the largest resident memory of this process so far, in MiB; `None` on Windows.

    Of a seed that trains in a process of its own (`jobs`) that is the seed's; otherwise it holds
    whatever the process did before, too. Memory of an accelerator is not in it.
    """
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
