"""The fields of samples in a pickle, as arrays, names and texts."""

import numpy as np

from kerasfuse.datasets.formats.pickles.pandas_layouts import Table
from kerasfuse.shown import shown

_MOST_PARTS = 16
_MOST_WORDS = 10_000
_LONGEST_TEXT = 1_000_000


def samples(value, name):
    """Give what a field holds of each sample: an array or a list.

    Raises:
        ValueError: for what has no samples.
    """
    if isinstance(value, Table):
        value = np.asarray(value)
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return value
    raise ValueError(f"expected {name!r} to hold one value a sample. Received: {shown(value)}")


def array(value, name):
    """Give an array of what one sample holds.

    Raises:
        ValueError: for rows of different lengths, and values that are no numbers or texts.
    """
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"expected {name!r} to hold arrays of numbers. Received: {shown(value)}"
        ) from error


def names(values, name):
    """Give the name of each sample, of one value, or of video, start and end.

    Raises:
        ValueError: for values that are no names.
    """
    found = []
    for value in samples(values, name):
        if isinstance(value, np.ndarray):
            value = value.ravel().tolist()
        parts = [_text(p) for p in (value if isinstance(value, list | tuple) else [value])]
        if not parts or len(parts) > _MOST_PARTS or None in parts:
            raise ValueError(f"expected {name!r} to hold names. Received: {shown(value)}")
        found.append(parts[0] if len(parts) == 1 else f"{parts[0]}[{','.join(parts[1:])}]")
    return found


def texts(values, name):
    """Give the text of each sample, of one value or of a list of words.

    Raises:
        ValueError: for values that are no texts.
    """
    return [text(value, name) for value in samples(values, name)]


def text(value, name):
    """Give a text, of one value or of a list of words.

    Raises:
        ValueError: for values that are no texts.
    """
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist()
    words = value if isinstance(value, list | tuple) else [value]
    parts = [_text(word) for word in words[:_MOST_WORDS]]
    if len(words) > _MOST_WORDS or None in parts or sum(map(len, parts)) > _LONGEST_TEXT:
        raise ValueError(f"expected {name!r} to hold texts. Received: {shown(value)}")
    return " ".join(parts)


def _text(value):
    """Give a plain value as a text that UTF-8 can hold, or `None` for another value."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        # Halves of characters are no text that could be stored.
        return value.encode("utf-8", "replace").decode("utf-8")
    if value is None or isinstance(value, bool | int | float | np.generic):
        return str(value)
    return None
