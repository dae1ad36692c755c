"""The idx files of MNIST."""

import gzip
import math
import struct
import zlib

import numpy as np

from kerasfuse import plain_files

# Bytes that a file may become: a few in any case, else so many times its own.
_MOST_BYTES = 2**26
_BYTES_A_STORED_BYTE = 100


def read_idx(path, rank):
    """Read an array of bytes from a file that holds its type, rank, sizes and values.

    Args:
        path: the file; with the suffix `.gz` it is compressed.
        rank: number of axes.

    Returns:
        uint8 array.

    Raises:
        ValueError: for a file that holds something else, or less.
    """
    plain_files.check(path)
    try:
        raw = _inflated(path) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"expected a gzip file. Received: {str(path)!r}, which is none or breaks off "
            f"({error}). Download it again."
        ) from error
    header = 4 + 4 * rank
    shape = struct.unpack_from(f">{rank}I", raw.ljust(header, b"\0"), 4)
    if raw[:4] != bytes([0, 0, 8, rank]) or len(raw) - header != math.prod(shape):
        raise ValueError(
            f"expected an idx file of bytes with {rank} axes. Received: {str(path)!r}, {len(raw)} "
            f"bytes that begin with {raw[:4].hex()} and tell of {' x '.join(map(str, shape))}. "
            "Download it again."
        )
    return np.frombuffer(raw, "uint8", offset=header).reshape(shape)


def _inflated(path):
    size = path.stat().st_size
    most = _MOST_BYTES + _BYTES_A_STORED_BYTE * size
    with gzip.open(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise OSError(f"{size:,} bytes become more than {most:,}")
    return raw
