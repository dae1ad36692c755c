"""Pickles of arrays, read without trusting them."""

import collections
import contextlib
import pathlib
import pickle
import re

import numpy as np

from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.formats import pandas_layouts

# To see whether line endings were converted: bytes to look at, and newlines, each after a \r,
# that chance does not make.
_SAMPLE = 2**20
_NOT_BY_CHANCE = 3


def read_pickle(path, opened=None):
    """Read a pickle of numpy arrays, plain containers, strings and numbers, and nothing else.

    A pickle is a program: it names functions, and whoever loads it calls them. Here names are
    looked up in a short list of stand-ins that can build data only; nothing that a file names is
    ever imported. Files of Python 2 and of old numpy and pandas versions name their parts by
    places that are gone, and are read all the same; a pandas object becomes a `Table`, which
    `np.asarray` takes.

    Args:
        path: the file. Strings of Python 2 are read as Latin-1, which keeps every byte.
        opened: a binary file to read in place of opening `path`, such as one that shows progress.

    Returns:
        What was pickled.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the file names anything else, which is then told, and when it is cut
            short or no pickle.

    Example:

    >>> import pathlib, pickle, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.pkl")
    >>> _ = path.write_bytes(pickle.dumps({"train": [1.5, "a"]}))
    >>> read_pickle(path)
    {'train': [1.5, 'a']}
    """
    with contextlib.nullcontext(opened) if opened else open(path, "rb") as file:
        reader = _Unpickler(file, encoding="latin1")
        try:
            return reader.load()
        except _ConvertedError:
            raise ValueError(_converted(path)) from None
        except _RefusedError as error:
            raise ValueError(
                "expected a pickle of numpy arrays, containers, strings and numbers. Received: "
                f"{str(path)!r}, which asks for {error}. Nothing of it was run. Get the file from "
                "its authors, or save its arrays with numpy.savez."
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # a damaged pickle can raise almost anything
            source_files.check_content(path)
            if _has_converted_lines(path):
                raise ValueError(_converted(path)) from error
            size = pathlib.Path(path).stat().st_size
            raise ValueError(
                f"expected a whole pickle. Received: {str(path)!r} ({size:,} bytes), which breaks "
                f"off or is none ({type(error).__name__}: {error}). Download it again."
            ) from error


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


class _ConvertedError(Exception):
    """A name with a part of a line ending."""


class _RefusedError(Exception):
    """A name that no data needs."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        stand_in = _stand_in(module, name)
        if stand_in is not None:
            return stand_in
        module, name = module.rstrip("\r"), name.rstrip("\r")
        if _stand_in(module, name) is not None:
            raise _ConvertedError
        raise _RefusedError(f"{module}.{name}")

    def persistent_load(self, pid):
        raise _RefusedError(f"the persistent object {pid!r}")


def _stand_in(module, name):
    if module.partition(".")[0] == "pandas" and name in pandas_layouts.STAND_INS:
        return pandas_layouts.STAND_INS[name]
    return _ALLOWED.get(f"{module}.{name}")


class _Function:
    """A function that a pickle can call and not change: it has no attributes to set."""

    __slots__ = ("_call",)

    def __init__(self, call):
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name, value):
        raise _RefusedError(f"a change of {name!r}")

    def __call__(self, *args):
        return self._call(*args)


class _Dtype:
    """A dtype of which a pickle chooses the kind, the size and the order of bytes, and no more.

    Through the state of a real one it could choose the flags, and have numpy take bytes for
    pointers.
    """

    __slots__ = ("dtype",)

    def __init__(self, dtype):
        object.__setattr__(self, "dtype", dtype)

    def __setattr__(self, name, value):
        raise _RefusedError(f"a change of {name!r}")

    def __setstate__(self, state):
        _, order, subdtype, names, fields, *_ = state
        if (subdtype, names, fields) != (None, None, None):
            raise _RefusedError("a structured array")
        if order in ("<", ">"):
            object.__setattr__(self, "dtype", self.dtype.newbyteorder(order))


class _Array(np.ndarray):
    """An array that looks at its state before numpy does."""

    def __setstate__(self, state):
        *_, shape, dtype, fortran, data = state
        if type(dtype) is not _Dtype or dtype.dtype.hasobject != isinstance(data, list):
            raise _RefusedError("an array of what its dtype does not say")
        if vars(self):
            raise _RefusedError("a second state of an array")
        vars(self)["built"] = True
        super().__setstate__((1, shape, dtype.dtype, fortran, data))


def _empty_array(kind, shape, typecode):
    # The shape and values follow in the array's own state.
    if kind is not _ARRAY_KIND:
        raise _RefusedError(f"an array of {kind!r}")
    return _Array((0,), "b")


def _dtype(spec, align=False, copy=True):
    if not isinstance(spec, str) or not re.fullmatch(r"[?biufcSUO]\d*", spec):
        raise _RefusedError(f"the dtype {spec!r}")
    return _Dtype(np.dtype("O" if spec[0] == "O" else spec))


def _scalar(dtype, data=None):
    if isinstance(data, str):  # from Python 2
        data = data.encode("latin1")
    return data if dtype.dtype.hasobject else np.frombuffer(data, dtype.dtype, 1)[0]


def _from_buffer(buffer, dtype, shape, order, axis_order=None):
    if type(buffer) not in (bytes, bytearray) or dtype.dtype.hasobject:
        raise _RefusedError("an array over something that is no bytes")
    array = np.frombuffer(buffer, dtype.dtype)
    if axis_order is None:
        return array.reshape(shape, order=order)
    turned = [shape[axis] for axis in axis_order]
    return array.reshape(turned).transpose(np.argsort(axis_order))


def _encode(text, encoding="latin1"):
    # How Python 3 writes bytes for Python 2.
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"the encoding {encoding!r}")
    return text.encode("latin1")


def _object_of(kind, base=object, state=None):
    # How protocols 0 and 1 make an object.
    return kind.__new__(kind)


class _ArrayKind:
    """Stands for the class of arrays, which a pickle names and must not call."""

    __slots__ = ()


_ARRAY_KIND = _ArrayKind()
_MOST_ARGUMENTS = {
    **dict.fromkeys((list, dict, tuple, set, frozenset, bytearray), 1),
    **{complex: 2, slice: 3},
    # As the default of a defaultdict only: with arguments they can ask for codecs.
    **dict.fromkeys((int, float, str, bytes, object), 0),
}


def _making(kind, most):
    def make(*args):
        if len(args) > most or (kind is bytearray and args and not isinstance(args[0], bytes)):
            raise _RefusedError(f"{kind.__name__} of {len(args)} arguments")
        return kind(*args)

    return _Function(make)


_ALLOWED = {
    "collections.OrderedDict": collections.OrderedDict,
    "collections.defaultdict": collections.defaultdict,
    "_codecs.encode": _Function(_encode),
    **{
        f"{module}.{kind.__name__}": _making(kind, most)
        for module in ("builtins", "__builtin__")
        for kind, most in _MOST_ARGUMENTS.items()
    },
    **{f"{module}._reconstructor": _Function(_object_of) for module in ("copyreg", "copy_reg")},
    "numpy.ndarray": _ARRAY_KIND,
    "numpy.dtype": _Function(_dtype),
    **{
        f"numpy.{core}.{name}": _Function(function)
        for core in ("core", "_core")
        for name, function in {
            "multiarray._reconstruct": _empty_array,
            "multiarray.scalar": _scalar,
            "numeric._frombuffer": _from_buffer,
        }.items()
    },
}
