"""What pickles of arrays name, as stand-ins that make plain data and nothing else."""

import math
import re

import numpy as np

from kerasfuse.datasets.formats.pickles import pandas_layouts
from kerasfuse.datasets.formats.pickles.opcodes import Name, RefusedError, Unbuilt
from kerasfuse.shown import shortened, shown

_DTYPE = re.compile(r"[?biufcSUO]\d{0,9}")
# Arrays of arrays of arrays.
_DEEPEST = 16
_MOST_AXES = 32
# Of an array without values, whose other axes cost nothing.
_LONGEST_EMPTY = 2**16
_LAST_CHARACTER = 0x10FFFF


def find(module, name):
    """Give the stand-in of a name.

    Raises:
        ConvertedError: for a name that only lacks a line ending of Windows.
        RefusedError: for any other name that data do not need.
    """
    found = _stand_in(module, name)
    if found is not None:
        return found
    module, name = module.rstrip("\r"), name.rstrip("\r")
    if _stand_in(module, name) is not None:
        raise ConvertedError
    # Without quotes, and with what no terminal prints escaped.
    raise RefusedError(shortened(repr(f"{module}.{name}")[1:-1]))


class ConvertedError(Exception):
    """A name with a part of a line ending."""


def _stand_in(module, name):
    if module.partition(".")[0] == "pandas" and name in pandas_layouts.STAND_INS:
        return pandas_layouts.STAND_INS[name]
    return _ALLOWED.get(f"{module}.{name}")


# Arrays.


class Dtype(Unbuilt):
    """A dtype of which a pickle chooses the kind, the size and the order of bytes, and no more.

    Through the state of a real one it could choose the flags, and have numpy take bytes for
    pointers.
    """

    TOLD = "a dtype without an array"

    def __init__(self, dtype):
        super().__init__()
        self.dtype, self._is_built = dtype, False

    def build(self, state):
        if self._is_built:
            raise RefusedError("a second state of a dtype")
        self._is_built = True
        if type(state) is not tuple or len(state) < 5:
            raise RefusedError("a dtype of an unknown state")
        _, order, *parts = state[:5]
        if parts != [None, None, None]:
            raise RefusedError("a structured array")
        if type(order) is str and order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)
        return self


class Array(Unbuilt):
    """An array before its shape and values are known."""

    TOLD = "an array without its values"

    def __init__(self, machine):
        super().__init__()
        self._machine = machine

    def build(self, state):
        if type(state) is not tuple or len(state) not in (4, 5):
            raise RefusedError("an array of an unknown state")
        *_, shape, dtype, fortran, data = state
        return _array(self._machine, dtype, shape, "F" if fortran is True else "C", data)


def _array(machine, dtype, shape, order, data):
    """Make an array of bytes, or of a list of objects, that are as many as its shape says.

    numpy's own way to restore arrays is not used: it believes the shape, and reads past the end of
    a list that is shorter.
    """
    dtype = _checked_dtype(dtype)
    count = _count(shape)
    if dtype.hasobject:
        if type(data) is not list or len(data) != count:
            raise RefusedError(_mismatch(dtype, shape, data))
        machine.spend(1 + count // 8)
        return _array_of_objects(machine, data, shape, order)
    if type(data) is str:  # from Python 2
        machine.spend_bytes(len(data))
        data = data.encode("latin1")
    if type(data) is not bytes or len(data) != count * dtype.itemsize:
        raise RefusedError(_mismatch(dtype, shape, data))
    if not count:
        return np.empty(shape, dtype)
    # The bytes themselves, which nothing changes any more: a copy of gigabytes would take seconds.
    flat = np.frombuffer(data, dtype)
    if dtype.kind in "bU":
        machine.spend_bytes(len(data))
    if dtype.kind == "b":
        flat = flat.view("u1") != 0
    elif dtype.kind == "U" and flat.view(f"{dtype.str[0]}u4").max() > _LAST_CHARACTER:
        raise RefusedError("a text with a character that does not exist")
    return flat.reshape(shape, order=order)


def _array_of_objects(machine, items, shape, order):
    array = np.fromiter(items, object, len(items)).reshape(shape, order=order)
    height = 1
    if np.ndarray in set(map(type, items)):
        inner = (machine.heights.get(id(item), 0) for item in items if type(item) is np.ndarray)
        height += max(inner)
        if height > _DEEPEST:
            raise RefusedError(f"arrays in arrays, {_DEEPEST} deep")
    machine.heights[id(array)] = height
    machine.kept.append(array)
    return array


def _checked_dtype(dtype):
    if type(dtype) is not Dtype:
        raise RefusedError(f"an array of {shown(type(dtype).__name__)} in place of a dtype")
    return dtype.dtype


def _count(shape):
    """Give the number of values of a shape."""
    if type(shape) is not tuple or len(shape) > _MOST_AXES:
        raise RefusedError(f"an array of shape {shown(shape)}")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise RefusedError(f"an array of shape {shown(shape)}")
    count = math.prod(shape)
    if not count and max(shape) > _LONGEST_EMPTY:
        raise RefusedError(f"an array of shape {shown(shape)}, which has no values")
    return count


def _mismatch(dtype, shape, data):
    held = f"{len(data):,} in a {type(data).__name__}" if hasattr(data, "__len__") else shown(data)
    return (
        "an array of what its dtype and shape do not say: "
        f"{dtype}, shape {shown(shape)}, values {held}"
    )


def _empty_array(machine, kind, shape, typecode):
    # The shape and values follow in the array's own state.
    if kind is not _ARRAY_KIND:
        raise RefusedError(f"an array of {shown(type(kind).__name__)}")
    return Array(machine)


def _dtype(machine, spec, align=False, copy=True):
    if type(spec) is not str or not _DTYPE.fullmatch(spec):
        raise RefusedError(f"the dtype {shown(spec)}")
    try:
        dtype = np.dtype("O" if spec[0] == "O" else spec)
    except (TypeError, ValueError):
        raise RefusedError(f"the dtype {shown(spec)}") from None
    if not dtype.itemsize:
        raise RefusedError(f"the dtype {shown(spec)}, whose values have no bytes")
    return Dtype(dtype)


def _scalar(machine, dtype, data=None):
    if _checked_dtype(dtype).hasobject:
        raise RefusedError("a number that is an object")
    if type(data) is bytes and len(data) == dtype.dtype.itemsize and dtype.dtype.kind in "iufc":
        return np.frombuffer(data, dtype.dtype)[0]
    machine.spend_bytes(dtype.dtype.itemsize)
    return _array(machine, dtype, (1,), "C", data)[0]


def _from_buffer(machine, data, dtype, shape, order, axis_order=None):
    if _checked_dtype(dtype).hasobject or order not in ("C", "F", "K"):
        raise RefusedError("an array over something that is no bytes")
    if axis_order is None:
        return _array(machine, dtype, shape, "F" if order == "F" else "C", data)
    _count(shape)
    if type(axis_order) is not tuple or sorted(axis_order) != list(range(len(shape))):
        raise RefusedError(f"an array whose axes are {shown(axis_order)}")
    turned = tuple(shape[axis] for axis in axis_order)
    return _array(machine, dtype, turned, "C", data).transpose(np.argsort(axis_order))


# Containers and numbers, which the old protocols make with calls.


def _encode(machine, text, encoding="latin1"):
    # How Python 3 writes bytes for Python 2.
    if encoding not in ("latin1", "latin-1") or type(text) is not str:
        raise RefusedError(f"the encoding {shown(encoding)}")
    machine.spend_bytes(len(text))
    return text.encode("latin1")


def _sequence_of(kind):
    def make(machine, items=()):
        machine.spend(len(_checked(kind, items, list, tuple, set, frozenset)))
        return kind(items)

    return make


def _set_of(kind):
    def make(machine, items=()):
        made = set()
        machine.spend(2 * len(_checked(kind, items, list, tuple, set, frozenset)))
        machine.fill_set(made, list(items))
        return kind(made)

    return make


def _dict(machine, items=()):
    made = {}
    if type(items) is dict:
        machine.spend(len(items))
        return dict(items)
    machine.spend(2 * len(_checked(dict, items, list, tuple)))
    if not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in items):
        raise RefusedError("a dict of what are no pairs")
    machine.fill_dict(made, [key for key, _ in items], [value for _, value in items])
    return made


def _defaulting(machine, factory=None):
    # A plain dict: a key that is missing is an error, and not made.
    if type(factory) is not Name and factory is not None:
        raise RefusedError("a defaultdict of something that is no kind")
    return {}


def _bytes(machine, data=b""):
    return _checked(bytearray, data, bytes)


def _complex(machine, *parts):
    if len(parts) > 2 or not set(map(type, parts)) <= {float, int, complex}:
        raise RefusedError("a complex number of no numbers")
    return complex(*parts)


def _slice(machine, *ends):
    if not set(map(type, ends)) <= {int, type(None)}:
        raise RefusedError("a slice of no integers")
    return slice(*ends)


def _checked(kind, items, *kinds):
    if type(items) not in kinds:
        raise RefusedError(f"builtins.{kind.__name__} of a {type(items).__name__}")
    return items


def _uncalled(kind):
    """Give a stand-in that is a default of a defaultdict, and not called."""

    def refuse(machine, *arguments):
        if arguments or kind is object:
            raise RefusedError(f"builtins.{kind.__name__} of {len(arguments)} arguments")
        return kind()

    return refuse


def _object_of(machine, kind, base=None, state=None):
    # How protocols 0 and 1 make an object.
    if type(kind) is not Name:
        raise RefusedError(f"an object of {shown(type(kind).__name__)}")
    return kind.call(machine)


def _uncallable(machine, *arguments):
    raise RefusedError("a call of the kind of arrays")


_ARRAY_KIND = Name("numpy.ndarray", _uncallable)
_BUILTINS = {
    "list": _sequence_of(list),
    "tuple": _sequence_of(tuple),
    "dict": _dict,
    "set": _set_of(set),
    "frozenset": _set_of(frozenset),
    # How protocols before 5 write what they have no opcode for, and numpy does not.
    "bytearray": _bytes,
    "complex": _complex,
    "slice": _slice,
    # With arguments they can ask for codecs.
    **{kind.__name__: _uncalled(kind) for kind in (int, float, str, bytes, object)},
}
_CALLS = {
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _defaulting,
    "_codecs.encode": _encode,
    **{
        f"{module}.{name}": call
        for module in ("builtins", "__builtin__")
        for name, call in _BUILTINS.items()
    },
    **{f"{module}._reconstructor": _object_of for module in ("copyreg", "copy_reg")},
    "numpy.dtype": _dtype,
    **{
        f"numpy.{core}.{name}": function
        for core in ("core", "_core")
        for name, function in {
            "multiarray._reconstruct": _empty_array,
            "multiarray.scalar": _scalar,
            "numeric._frombuffer": _from_buffer,
        }.items()
    },
}
_ALLOWED = {
    "numpy.ndarray": _ARRAY_KIND,
    **{text: Name(text, call) for text, call in _CALLS.items()},
}
