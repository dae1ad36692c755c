"""Files of weights that others made, looked at before Keras reads them."""

import os
import pathlib

import numpy as np

from kerasfuse import plain_hdf5
from kerasfuse.shown import shortened, shown

# What Keras stores as two bytes and an attribute, as HDF5 has no such numbers: all bits of the
# exponent are 1 in infinity and NaN.
_BFLOAT16 = "V"
_COMPLEX = "c"
_EXPONENT = 0x7F80
_MOST_NAMES = 3


def check(path: str | os.PathLike[str]) -> None:
    """Raise a ValueError unless a file of weights is HDF5, whole, and holds finite numbers only.

    Args:
        path: a `.weights.h5` file.

    Raises:
        ValueError: for what is no HDF5, what leads to other files, declares more than the file can
            hold, or holds NaN, infinite or complex numbers; it names the weights.
        OSError: for a file that may not be read.
    """
    path = pathlib.Path(path)
    try:
        file = plain_hdf5.open_file(path)
    except (FileNotFoundError, PermissionError, BlockingIOError):
        raise
    except OSError as error:
        raise ValueError(
            f"expected weights in HDF5. Received: {str(path)!r}, which is something else or breaks "
            f"off ({shortened(str(error))}). Get the file again."
        ) from error
    with file:
        wrong = [(name, _not_finite(file, name)) for name in plain_hdf5.names(file)]
    wrong = [f"{shown(name)} ({told})" for name, told in wrong if told]
    if wrong:
        others = f" and {len(wrong) - _MOST_NAMES} more" if len(wrong) > _MOST_NAMES else ""
        raise ValueError(
            f"expected weights that are finite numbers. Received: {str(path)!r} with "
            f"{', '.join(wrong[:_MOST_NAMES])}{others}. Such a model predicts nothing: take the "
            "weights of an earlier epoch, or train again with a lower learning rate."
        )


def _not_finite(file, name):
    """Say what is wrong with the numbers of an array, or give `None`."""
    values = plain_hdf5.read(file, name, plain_hdf5.NUMBERS + _COMPLEX + _BFLOAT16)
    if values.dtype.kind == _COMPLEX:
        return "complex numbers"
    if values.dtype.kind == _BFLOAT16:
        if values.dtype.itemsize != 2:
            return f"values of {values.dtype.itemsize} bytes that are no numbers"
        wrong = int(np.count_nonzero((values.view("u2") & _EXPONENT) == _EXPONENT))
        return f"{wrong} of {values.size} values are NaN or infinite" if wrong else None
    if values.dtype.kind != "f":
        return None
    nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    if not nan and not infinite:
        return None
    return f"{nan} NaN and {infinite} infinite of {values.size} values"
