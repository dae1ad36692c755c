"""The idx files of MNIST."""

import gzip
import zlib

import numpy as np


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
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"expected a gzip file. Received: {str(path)!r}, which is none or breaks off "
            f"({error}). Download it again."
        ) from error
    header = 4 + 4 * rank
    shape = tuple(np.frombuffer(raw[4:header], ">u4").tolist())
    if raw[:4] != bytes([0, 0, 8, rank]) or len(raw) - header != np.prod(shape):
        raise ValueError(
            f"expected an idx file of bytes with {rank} axes. Received: {str(path)!r}, {len(raw)} "
            f"bytes that begin with {raw[:4].hex()} and tell of {' x '.join(map(str, shape))}. "
            "Download it again."
        )
    return np.frombuffer(raw, "uint8", offset=header).reshape(shape)
