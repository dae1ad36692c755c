"""The arrays of a `.npz` file a row at a time, so that files larger than memory can be read."""

import math
import zipfile

import numpy as np

from kerasfuse.datasets.formats.numpy_files import check_size, guarded

# How the header of each version of the format is read.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_arrays(path):
    """Open the arrays of a `.npz` file, by name, and read only their headers.

    Returns:
        dict of name to `Rows`.

    Raises:
        ValueError: for whatever else the file holds, as a few words on what that is.
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            raise ValueError("it is no archive of arrays")
    archive = guarded(zipfile.ZipFile, path)
    check_size(path, archive)
    return {name.removesuffix(".npy"): Rows(archive, name) for name in archive.namelist()}


class Rows:
    """One array of an archive, of which rows are read in order, or all of it.

    A row before the one that was read last makes the reader begin again, as compressed bytes cannot
    be entered anywhere.

    Args:
        archive: `zipfile.ZipFile`.
        name: of the part.

    Attributes:
        shape, dtype, ndim: of the array.

    Raises:
        ValueError: for a part that is no array of numbers or texts.
    """

    def __init__(self, archive, name):
        self._archive, self._name = archive, name
        self._stream = None
        if not name.endswith(".npy"):
            raise ValueError(f"{name!r} is no array")
        with guarded(archive.open, name) as stream:
            version = guarded(np.lib.format.read_magic, stream)
            if version not in _HEADERS:
                raise ValueError(f"{name!r} is of an unknown version of the format")
            self.shape, self._by_columns, self.dtype = guarded(_HEADERS[version], stream)
            self._start = stream.tell()
        if self.dtype.hasobject or not self.dtype.itemsize:
            raise ValueError("no array of numbers")
        self.ndim = len(self.shape)
        self._row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        expected = self._start + math.prod(self.shape) * self.dtype.itemsize
        held = archive.getinfo(name).file_size
        if held != expected:
            raise ValueError(f"{name!r} has {held:,} bytes and declares {expected:,}")

    def __len__(self):
        return self.shape[0]

    def read(self):
        """Read the whole array."""
        with guarded(self._archive.open, self._name) as stream:
            return guarded(np.lib.format.read_array, stream, allow_pickle=False)

    def __getitem__(self, i):
        """Read one row.

        Raises:
            ValueError: for a damaged archive.
        """
        if self._by_columns:  # no row lies together
            self._whole = self._whole if hasattr(self, "_whole") else self.read()
            return self._whole[i]
        return guarded(self._row, i)

    def _row(self, i):
        if self._stream is None:
            self._stream = self._archive.open(self._name)
        self._stream.seek(self._start + i * self._row_bytes)
        values = np.frombuffer(self._stream.read(self._row_bytes), self.dtype)
        return values.reshape(self.shape[1:])
