"""What pickles of pandas versions name, as stand-ins that only hold the arrays."""

import numpy as np


class _Sealed(type):
    """A class whose attributes a pickle cannot set."""

    def __setattr__(cls, name, value):
        raise TypeError(f"expected data. Received: a pickle that changes {name!r}")


class Table(metaclass=_Sealed):
    """A pandas series or frame: `np.asarray` gives its values, `(rows,)` or `(rows, columns)`.

    Frames name their columns in `columns`.
    """

    def __new__(cls, *args):
        return object.__new__(cls)

    def __setstate__(self, state):
        manager = state.get("_mgr", state.get("_data")) if isinstance(state, dict) else None
        if not isinstance(manager, _Manager):
            raise ValueError("a pandas object of a version that is not known")
        self._manager = manager

    @property
    def columns(self):
        """Names of a frame's columns."""
        return [str(name) for name in self._manager.axes[0]]

    def __len__(self):
        return len(self._manager.axes[-1])

    def __array__(self, dtype=None, copy=None):
        values = self._manager.values()
        return values if dtype is None else values.astype(dtype)


class _Manager(metaclass=_Sealed):
    """The blocks of values of a table, each with the rows or columns that it fills."""

    def __new__(cls, *args):
        self = object.__new__(cls)
        if len(args) >= 2:  # pandas from 1.3 on: (blocks, axes), or one of each for a series
            blocks, axes = args[:2]
            single = isinstance(blocks, _Block)
            self._set([blocks] if single else blocks, [axes] if single else axes)
        return self

    def __setstate__(self, state):
        if isinstance(state, tuple) and len(state) == 4 and "0.14.1" in state[3]:
            state = state[3]["0.14.1"]
            blocks = [_Block(block["values"], block["mgr_locs"]) for block in state["blocks"]]
            self._set(blocks, state["axes"])

    def _set(self, blocks, axes):
        self.blocks, self.axes = list(blocks), list(axes)

    def values(self):
        if len(self.axes) == 1:
            return np.asarray(self.blocks[0].values).reshape(-1)
        # Blocks hold (columns, rows).
        kinds = {np.asarray(block.values).dtype for block in self.blocks}
        columns = np.empty(
            (len(self.axes[0]), len(self.axes[1])), kinds.pop() if len(kinds) == 1 else object
        )
        for block in self.blocks:
            columns[block.place] = np.asarray(block.values)
        return columns.T


class _Block(metaclass=_Sealed):
    def __new__(cls, values=None, place=None, ndim=None):
        self = object.__new__(cls)
        self.values, self.place = values, place
        return self


class _Index(metaclass=_Sealed):
    """The kind of an index, which `_new_index` gets with its data."""


def _new_index(kind, state):
    if "data" in state:
        return np.asarray(state["data"])
    return np.arange(state["start"], state["stop"], state.get("step") or 1)


class _NewIndex(metaclass=_Sealed):
    # Called as a function, and sealed like the others.
    def __new__(cls, kind, state):
        return _new_index(kind, state)


STAND_INS = {
    "Series": Table,
    "DataFrame": Table,
    "BlockManager": _Manager,
    "SingleBlockManager": _Manager,
    "_unpickle_block": _Block,
    "_new_Index": _NewIndex,
    **dict.fromkeys(("Index", "Int64Index", "UInt64Index", "Float64Index", "RangeIndex"), _Index),
}
