"""Pickles of arrays, read without trusting them."""

import contextlib
import gc
import pathlib

from kerasfuse import plain_files
from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.formats.pickles import names, tree
from kerasfuse.datasets.formats.pickles.opcodes import Machine, RefusedError
from kerasfuse.shown import shortened

# To see whether line endings were converted: bytes to look at, and newlines, each after a \r,
# that chance does not make.
_SAMPLE = 2**20
_NOT_BY_CHANCE = 3


def read_pickle(path, opened=None):
    """Read a pickle of numpy arrays, plain containers, strings and numbers, and nothing else.

    A pickle is a program: it names functions, and whoever loads it calls them. Here its opcodes are
    carried out by a machine that knows plain data only. Names are looked up in a short list of
    stand-ins that can build data; nothing that a file names is ever imported, and arrays are made
    of bytes that are as many as their shape says. What a file asks for is compared with its size
    before it is made: it cannot fill the memory, and what is returned has no circles and is at most
    32 containers deep.

    Files of Python 2 and of old numpy and pandas versions name their parts by places that are gone,
    and are read all the same. A pandas object becomes a `Table`, which `np.asarray` takes, and
    dicts of all kinds become plain ones, bytearrays become bytes. Arrays cannot be written to.

    Args:
        path: the file. Strings of Python 2 are read as Latin-1, which keeps every byte.
        opened: a binary file to read in place of opening `path`, such as one that shows progress.

    Returns:
        What was pickled.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the file asks for anything else, which is then told, when it is cut short
            or no pickle, and when the memory does not suffice.

    Example:

    >>> import pathlib, pickle, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.pkl")
    >>> _ = path.write_bytes(pickle.dumps({"train": [1.5, "a"]}))
    >>> read_pickle(path)
    {'train': [1.5, 'a']}
    """
    plain_files.check(path)
    size = pathlib.Path(path).stat().st_size
    with _opened(path, opened) as file, _without_collection():
        try:
            found = Machine(file, size, names.find).run()
            tree.check(found, size)
            return found
        except names.ConvertedError:
            raise ValueError(_converted(path)) from None
        except RefusedError as error:
            raise ValueError(
                "expected a pickle of numpy arrays, containers, strings and numbers. Received: "
                f"{str(path)!r}, which asks for {error}. Nothing of it was run. Get the file from "
                "its authors, or save its arrays with numpy.savez."
            ) from None
        except MemoryError as error:
            raise ValueError(
                f"expected a pickle that fits into memory. Received: {str(path)!r} ({size:,} "
                "bytes), for which too little is free. Close other programs, or use a machine "
                "with more memory."
            ) from error
        except Exception as error:  # a damaged pickle can raise almost anything
            source_files.check_content(path)
            if _has_converted_lines(path):
                raise ValueError(_converted(path)) from error
            told = shortened(f"{type(error).__name__}: {error}")
            raise ValueError(
                f"expected a whole pickle. Received: {str(path)!r} ({size:,} bytes), which breaks "
                f"off or is none ({told}). Download it again."
            ) from error


def _opened(path, opened):
    return contextlib.nullcontext(opened) if opened else open(path, "rb")


@contextlib.contextmanager
def _without_collection():
    """Keep Python from looking for circles in what is read: it takes longer than to read it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _converted(path):
    return (
        f"expected a pickle as it was written. Received: {str(path)!r}, whose line endings were "
        "converted to those of Windows: it was transferred in text mode. Transfer it again in "
        "binary mode; for Git, write `*.pkl binary` into .gitattributes."
    )


def _has_converted_lines(path):
    """Whether a file of a binary protocol has \\n after \\r alone, which no chance makes."""
    with open(path, "rb") as file:
        data = file.read(_SAMPLE)
    newlines = data.count(b"\n")
    return data[:1] == b"\x80" and newlines == data.count(b"\r\n") >= _NOT_BY_CHANCE
