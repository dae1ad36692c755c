"""Values of foreign files in messages: short, whatever they are."""

import builtins
import reprlib

_MOST = 200
_FEW = 10


def shown(value):
    """Give the `repr` of a value, or its beginning: at most 200 characters, and never for long.

    Example:

    >>> shown("a" * 1000)[:3], len(shown("a" * 1000))
    ("'aa", 200)
    """
    return shortened(_SHORT.repr(value))


def shortened(text):
    """Give a text, or its beginning and `...`: at most 200 characters."""
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."


class _Short(reprlib.Repr):
    def __init__(self):
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = _MOST

    def repr_bytes(self, value, level):
        return builtins.repr(value[:_MOST])

    repr_bytearray = repr_bytes

    def repr_ndarray(self, value, level):
        if value.dtype == object or value.size > _FEW:
            return f"an array of dtype {value.dtype}, shape {value.shape}"
        return builtins.repr(value)


_SHORT = _Short()
