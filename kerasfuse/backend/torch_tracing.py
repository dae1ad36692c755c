"""Whether PyTorch records what is computed, and no tensor has values that can be looked at."""

import contextlib

import torch

_recorded = []


def is_tracing():
    """Whether a program is made of what is computed now, by whatever means."""
    return is_recording() or torch.compiler.is_compiling() or torch.jit.is_tracing()


def is_recording():
    """Whether this is within `recorded`."""
    return bool(_recorded)


@contextlib.contextmanager
def recorded(known=None):
    """Say that what is computed in the block becomes part of a program.

    Args:
        known: an integer that the program depends on, computed before it.
    """
    _recorded.append(known)
    try:
        yield
    finally:
        _recorded.pop()


def known():
    """Return the integer that the program depends on, or `None`."""
    return _recorded[-1] if _recorded else None
