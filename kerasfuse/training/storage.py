"""How weights lie in a file: compressed, and in half precision when they are large."""

import io
import pathlib

import h5py
import keras
import numpy as np
from h5py import h5f, h5fd, h5g, h5p

# Bytes of floating numbers: more are stored in float16, so that the package stays small.
LARGEST = 2**21
# An array of fewer bytes is stored as it is: what describes the compression would outweigh it.
SMALLEST_COMPRESSED = 2_000
# Means and deviations of features and labels, in units of the data, stay as they are.
_UNITS = ("feature_scaling", "label_scaling")


def stored_dtype(path):
    """Return the dtype that the weights of a file are stored in: float16 where they are many."""
    numbers = []

    def count(name, item):
        if isinstance(item, h5py.Dataset) and np.issubdtype(item.dtype, np.floating):
            numbers.append(item.size)

    with h5py.File(path) as file:
        file.visititems(count)
    # As they are in training, however the file at hand holds them.
    return "float16" if 4 * sum(numbers) > LARGEST else "float32"


def round_weights(model, dtype):
    """Round a model's weights to what a file of that dtype holds.

    Scores of the rounded model are those of the file, to the last digit.
    """
    if dtype == "float16":
        for weight in model.weights:
            if str(weight.dtype).startswith("float") and not _is_unit(weight.path):
                weight.assign(_rounded(keras.ops.convert_to_numpy(weight), weight.path))


def store(path, target, dtype):
    """Copy a `.weights.h5` file, compressed, with its floating numbers in `dtype`.

    In float32 every number stays as it is. Keras reads the copy like any other.

    Raises:
        ValueError: for a number that is not finite, or that float16 does not reach.
        OSError: when the target cannot be written to.
    """
    # HDF5 itself ends the process when it cannot write to a full disk.
    buffer = io.BytesIO()
    with h5py.File(path, "r") as source, _file_in(buffer) as copy:
        _copy(source, copy, dtype)
    pathlib.Path(target).write_bytes(buffer.getvalue())


def _file_in(buffer):
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fileobj_driver(h5fd.fileobj_driver, buffer)
    # The default layout of HDF5, the oldest, spends a kilobyte or more on every group; the newest
    # might not be read elsewhere. This one is of 2016.
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    creation = _without_times(h5p.FILE_CREATE)
    return h5py.File(h5f.create(b"weights", fcpl=creation, fapl=access))


def _without_times(kind):
    # The same weights make the same file, and the same sha256, at any time.
    properties = h5p.create(kind)
    properties.set_obj_track_times(False)
    return properties


def _copy(source, copy, dtype):
    copy.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            made = h5g.create(copy.id, name.encode(), gcpl=_without_times(h5p.GROUP_CREATE))
            _copy(item, h5py.Group(made), dtype)
            continue
        values = item[()]
        if np.issubdtype(item.dtype, np.floating):
            if not np.isfinite(values).all():
                raise ValueError(
                    f"expected weights that are finite. Received: {item.name}, which is not."
                )
            if dtype == "float16" and not _is_unit(item.name):
                values = _rounded(values, item.name).astype("float16")
        how = {}
        if item.nbytes >= SMALLEST_COMPRESSED:
            # Shuffled, the bytes of signs and exponents, which compress well, lie side by side.
            how = {"compression": "gzip", "shuffle": True, "chunks": item.shape}
        copy.create_dataset(name, data=values, **how).attrs.update(item.attrs)


def _is_unit(path):
    return any(name in path for name in _UNITS)


def _rounded(values, name):
    with np.errstate(over="ignore"):
        rounded = values.astype("float16").astype("float32")
    if not np.isfinite(rounded).all():
        raise ValueError(
            "expected weights that float16 can hold, below 65504. "
            f"Received: {name} with {np.abs(values).max():g}."
        )
    return rounded
