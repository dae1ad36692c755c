"""The tree that a pickle leaves: plain data, not deep, without circles, and no larger in use."""

import numpy as np

from kerasfuse.datasets.formats.pickles.opcodes import Name, RefusedError, Unbuilt
from kerasfuse.datasets.formats.pickles.pandas_layouts import Table
from kerasfuse.shown import shortened

_DEEPEST = 32
_DEEP = f"containers nested more than {_DEEPEST} deep"
# A part that is shared counts in each place: who walks or copies the tree meets it there.
_MOST_VALUES = 10_000_000
_VALUES_A_BYTE = 4
_LEAVES = frozenset(
    {type(None), bool, int, float, complex, str, bytes, bytearray, slice}
    | {np.dtype(code).type for code in "?bhilqBHILQefdgFDGSU"}
)
_SETS = (set, frozenset)
_NONE = ()


def check(tree, size):
    """Refuse a tree that whoever walks it, copies it or prints it would not come out of.

    Args:
        tree: what a `Machine` gave.
        size: bytes of the file.

    Raises:
        RefusedError: for containers in themselves, nested more than 32 deep, or shared so often
            that they hold many times what is in the file, and for anything but data.
    """
    most = _MOST_VALUES + _VALUES_A_BYTE * size
    # Of each part that was seen whole: values in it, and how deep it is.
    known = {}
    # Of the parts on the way to where we are: what `_inside` gave.
    opened = {}
    waiting = [tree]
    while waiting:
        item = waiting[-1]
        if id(item) in known:
            waiting.pop()
            continue
        if id(item) not in opened:
            if len(opened) == _DEEPEST:
                raise RefusedError(_DEEP)
            opened[id(item)] = count, parts = _inside(item)
            for part in parts:
                if id(part) in opened:
                    raise RefusedError("a container that is inside itself")
                if id(part) not in known:
                    held, inner = _inside(part)
                    if inner:
                        waiting.append(part)
                    else:
                        known[id(part)] = held, 1
            continue
        count, parts = opened.pop(id(item))
        inside = [known[id(part)] for part in parts]
        values = count + sum(values for values, _ in inside)
        depth = 1 + max(depth for _, depth in inside) if inside else 1
        if depth > _DEEPEST:
            raise RefusedError(_DEEP)
        if values > most:
            raise RefusedError(f"more values than a file of {size:,} bytes holds")
        known[id(item)] = values, depth


def _inside(item):
    """Give the number of values that are directly in an item, and the parts to look into."""
    kind = type(item)
    if kind is list or kind is tuple:
        return 1 + len(item), _containers(item)
    if kind is dict:
        # Keys are plain already.
        return 1 + len(item), _containers(item.values())
    if kind is np.ndarray:
        return item.size, _containers(item.ravel().tolist()) if item.dtype.hasobject else _NONE
    if kind in _LEAVES:
        return 1, _NONE
    if kind in _SETS:
        return 1 + len(item), _NONE
    if kind is range:
        return 1 + len(item), _NONE
    if kind is Table and item.is_built:
        return len(item), item.blocks
    if isinstance(item, Unbuilt):
        raise RefusedError(item.TOLD)
    name = item.text if kind is Name else kind.__name__
    raise RefusedError(f"{shortened(name)}, and does not call it")


def _containers(items):
    if _LEAVES.issuperset(map(type, items)):
        return _NONE
    return [item for item in items if type(item) not in _LEAVES]
