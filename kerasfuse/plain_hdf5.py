"""HDF5 files of others: data that lie in the file itself, and are no larger than it lets expect.

An HDF5 file may name other files to take its data from, and a small one may stand for terabytes.
Whoever reads a file that he did not make opens it with `open_file`, and reads with `read`.
"""

import math
import os
import zlib

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5z

from kerasfuse import plain_files
from kerasfuse.shown import shown

# Our own files have 6 levels.
_DEEPEST = 32
# Bytes of memory that any file may fill, and bytes that each stored one may become: zeros shrink
# to a thousandth, features that are padded with zeros to a twentieth.
_MOST_BYTES = 2**26
_BYTES_A_STORED_BYTE = 100
# Deflated bytes become at most so many; a chunk of up to so many is inflated without a look.
_INFLATION = 1032
_MOST_UNSEEN = 2**28
_SLACK = 2**10
# Of an array without values, whose other axes cost nothing.
_LONGEST_EMPTY = 2**20
_FILTERS = {
    h5z.FILTER_DEFLATE: "gzip",
    h5z.FILTER_SHUFFLE: "shuffle",
    h5z.FILTER_FLETCHER32: "fletcher32",
    h5z.FILTER_LZF: "lzf",
}
NUMBERS, TEXTS = "fiub", "SO"


def open_file(path):
    """Open an HDF5 file of which every object lies in the file itself.

    Args:
        path: the file.

    Returns:
        `h5py.File`.

    Raises:
        OSError: for what is no HDF5, as h5py tells it.
        ValueError: for links to other places, and data that lie in other files.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.h5")
    >>> with h5py.File(path, "w") as file:
    ...     file["x"] = [1.0, 2.0]
    >>> with open_file(path) as file:
    ...     read(file, "x")
    array([1., 2.])
    """
    plain_files.check(path)
    file = h5py.File(path, "r")
    try:
        for _ in _walk(file):
            pass
        return file
    except _OutsideError as error:
        name, told = error.args
        problem = (
            f"expected a file that holds its data itself. Received: {str(path)!r}, of which "
            f"{shown(name)} {told}. Nothing of it was read. Get the file from its authors, or copy "
            "its data into a plain one with h5py."
        )
    except Exception as error:  # a damaged file can raise almost anything
        problem = _damaged(path, error)
    file.close()
    raise ValueError(problem)


def names(file):
    """List the datasets of a file that `open_file` opened.

    Raises:
        ValueError: for a damaged file.
    """
    try:
        return [name[1:] for name, found in _walk(file) if isinstance(found, h5d.DatasetID)]
    except Exception as error:
        raise ValueError(_damaged(file.filename, error)) from error


def dataset(group, name, kinds=NUMBERS):
    """Give a dataset that can be read in parts, after a look at its kind and its size.

    Args:
        group: `h5py.Group` of a file that `open_file` opened.
        name: of the dataset.
        kinds: the kinds of its dtype that will do: `NUMBERS`, `TEXTS` or both.

    Raises:
        ValueError: for what is no dataset, has no shape, another kind, or declares more than the
            file can hold.
    """
    path = group.file.filename
    try:
        place = shown(f"{group.name}/{name}".replace("//", "/"))
        found = group[name]
        told = _unreadable(found, kinds)
    except MemoryError as error:
        raise ValueError(_too_large(path, name)) from error
    except Exception as error:
        raise ValueError(_damaged(path, error)) from error
    if told:
        wanted = "numbers or texts" if kinds[-1:] == TEXTS[-1] else "numbers"
        raise ValueError(
            f"expected {wanted} at {place} in {str(path)!r}. Received: {told}. Get the file from "
            "its authors, or save it again with h5py."
        )
    return found


def read(group, name, kinds=NUMBERS):
    """Read a dataset whole, see `dataset`.

    Returns:
        An array.

    Raises:
        ValueError: as `dataset`, and for what cannot be read.
    """
    return read_part(dataset(group, name, kinds), ())


def read_part(found, place):
    """Read the part of a dataset that an index names.

    Raises:
        ValueError: for what cannot be read.
    """
    path = found.file.filename
    try:
        values = _texts(found) if found.dtype.kind == "O" else found[place]
    except MemoryError as error:
        raise ValueError(_too_large(path, found.name)) from error
    except Exception as error:
        raise ValueError(_damaged(path, error)) from error
    if values is None:
        raise ValueError(
            f"expected texts that fit the file. Received: {shown(found.name)} in {str(path)!r}, of "
            "which many are the same one. Get the file from its authors."
        )
    return values


class _OutsideError(Exception):
    """An object that is not in the file itself: its name and why."""


def _walk(file):
    """Give name and identifier of every object; raise `_OutsideError` for one that is elsewhere."""
    waiting = [(file.id, "", 0)]
    seen = {h5o.get_info(file.id).addr}
    while waiting:
        group, path, depth = waiting.pop()
        for link in group:
            name = f"{path}/{link.decode('utf-8', 'replace')}"
            if name.encode("utf-8") != f"{path}/".encode() + link:
                raise _OutsideError(name, "has a name that is no text")
            kind = group.links.get_info(link).type
            if kind == h5l.TYPE_EXTERNAL:
                raise _OutsideError(name, "is a link to another file")
            if kind != h5l.TYPE_HARD:
                raise _OutsideError(name, "is a link by name")
            found = h5o.open(group, link)
            if isinstance(found, h5d.DatasetID):
                how = found.get_create_plist()
                if how.get_layout() == h5d.VIRTUAL:
                    raise _OutsideError(name, "is a view of other files")
                if how.get_external_count():
                    raise _OutsideError(name, "lies in another file")
            elif isinstance(found, h5g.GroupID):
                address = h5o.get_info(found).addr
                if depth == _DEEPEST:
                    raise _OutsideError(name, f"lies more than {_DEEPEST} groups deep")
                if address in seen:
                    raise _OutsideError(name, "is a group that lies in two places")
                seen.add(address)
                waiting.append((found, name, depth + 1))
            yield name, found


def _dtype(found):
    try:
        dtype = found.dtype
    except TypeError:  # that numpy does not have
        return None
    if dtype.kind == "O" and h5py.check_string_dtype(dtype) is None:
        return None
    return dtype


def _unreadable(found, kinds):
    """Say why an object is not read, or give `None`."""
    if not isinstance(found, h5py.Dataset):
        return f"a {type(found).__name__.lower()}"
    if found.shape is None:
        return "an array without a shape"
    dtype = _dtype(found)
    if dtype is None or dtype.kind not in kinds:
        return f"values of another kind ({shown(str(dtype)) if dtype else 'unknown'})"
    size = math.prod(found.shape) * dtype.itemsize
    stored = found.id.get_storage_size()
    limit = _MOST_BYTES + _BYTES_A_STORED_BYTE * stored
    told = f"shape {found.shape}, {size:,} bytes, of which {stored:,} are in the file"
    if stored > os.path.getsize(found.file.filename):
        return told
    if not size and max(found.shape, default=0) > _LONGEST_EMPTY:
        return told
    if not found.chunks:
        # What was never written would be read as zeros.
        return told if size > stored else None
    chunk = math.prod(found.chunks) * dtype.itemsize
    if size > limit or chunk > limit:
        return told
    return _bad_filters(found) or _bombs(found, chunk)


def _bad_filters(found):
    how = found.id.get_create_plist()
    codes = [how.get_filter(i)[0] for i in range(how.get_nfilters())]
    unknown = [code for code in codes if code not in _FILTERS]
    if unknown:
        return f"values under the filter {unknown[0]}, where {', '.join(_FILTERS.values())} is read"
    # Zeros that are deflated twice shrink to a millionth.
    if len(set(codes)) < len(codes) or {h5z.FILTER_DEFLATE, h5z.FILTER_LZF} <= set(codes):
        return "values that are compressed twice"
    return None


def _bombs(found, chunk):
    """Look into deflated chunks that could become far more than a chunk holds."""
    if found.compression != "gzip" or found.id.get_storage_size() * _INFLATION <= _MOST_UNSEEN:
        return None
    suspects = []

    def look(stored):
        if stored.size * _INFLATION > _MOST_UNSEEN and not stored.filter_mask:
            suspects.append(stored.chunk_offset)

    found.id.chunk_iter(look)
    for offset in suspects:
        _, data = found.id.read_direct_chunk(offset)
        try:
            inflated = zlib.decompressobj().decompress(data, chunk + _SLACK)
        except zlib.error as error:
            return f"a damaged chunk ({error})"
        if len(inflated) >= chunk + _SLACK:
            return f"a chunk of {chunk:,} bytes that becomes more than that"
    return None


def _texts(found):
    """Read texts of any length: each may be told to be the same one, of the size of the file.

    Returns:
        An array, or `None` where they are far more than the file holds.
    """
    if found.ndim == 0:
        return found[()]
    size = os.path.getsize(found.file.filename)
    width = max(1, math.prod(found.shape[1:]))
    at_once = max(1, _MOST_BYTES // (width * max(1, size)))
    parts, left = [], _MOST_BYTES + _BYTES_A_STORED_BYTE * size
    for first in range(0, len(found), at_once):
        parts.append(found[first : first + at_once])
        left -= sum(len(text) for text in parts[-1].ravel())
        if left < 0:
            return None
    return np.concatenate(parts) if parts else found[()]


def _too_large(path, name):
    return (
        f"expected an array that fits into memory. Received: {shown(name)} in {str(path)!r}. Close "
        "other programs, or use a machine with more memory."
    )


def _damaged(path, error):
    return (
        f"expected a whole HDF5 file. Received: {str(path)!r}, which is damaged "
        f"({shown(str(error))}). Download it again."
    )
