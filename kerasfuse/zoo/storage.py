"""How weights lie in a file: as they are, or in half precision when they are large."""

import pathlib
import shutil

import h5py
import keras
import numpy as np

# Larger files are stored in float16, so that the package stays small.
LARGEST = 5_000_000


def stored_dtype(path):
    """Return the dtype that the weights of a file are stored in: float16 for a large file."""
    return "float16" if pathlib.Path(path).stat().st_size > LARGEST else "float32"


def round_weights(model, dtype):
    """Round a model's weights to what a file of that dtype holds.

    Scores of the rounded model are those of the file, to the last digit.
    """
    if dtype == "float16":
        for weight in model.weights:
            if str(weight.dtype).startswith("float"):
                weight.assign(_rounded(keras.ops.convert_to_numpy(weight), weight.path))


def store(path, target, dtype):
    """Copy a `.weights.h5` file, with its floating numbers in `dtype`.

    Raises:
        ValueError: for a number that float16 does not reach.
        OSError: when the target cannot be written to.
    """
    if dtype == "float32":
        shutil.copyfile(path, target)
        return
    with h5py.File(path, "r") as source, h5py.File(target, "w") as copy:
        _copy(source, copy)


def _copy(source, copy):
    copy.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, copy.create_group(name))
            continue
        values = item[()]
        if np.issubdtype(item.dtype, np.floating):
            values = _rounded(values, item.name).astype("float16")
        copy.create_dataset(name, data=values).attrs.update(item.attrs)


def _rounded(values, name):
    with np.errstate(over="ignore"):
        rounded = values.astype("float16").astype("float32")
    if not np.isfinite(rounded).all():
        raise ValueError(
            "expected weights that float16 can hold, below 65504. "
            f"Received: {name} with {np.abs(values).max():g}."
        )
    return rounded
