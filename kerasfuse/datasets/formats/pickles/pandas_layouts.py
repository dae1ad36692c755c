"""What pickles of pandas versions name, as stand-ins that only hold the arrays."""

import numpy as np

from kerasfuse.datasets.formats.pickles.opcodes import Name, RefusedError, Unbuilt
from kerasfuse.shown import shown

_LONGEST_INDEX = 2**32
_MOST_COLUMNS = 2**20


class Table(Unbuilt):
    """A pandas series or frame: `np.asarray` gives its values, `(rows,)` or `(rows, columns)`.

    Frames name their columns in `columns`.
    """

    def __init__(self, machine):
        super().__init__()
        self._machine = machine
        self._manager = None

    def build(self, state):
        manager = state.get("_mgr", state.get("_data")) if type(state) is dict else None
        if type(manager) is not _Manager or self._manager is not None:
            raise RefusedError("a pandas object of a version that is not known")
        manager.check(self._machine)
        self._manager = manager
        return self

    @property
    def is_built(self):
        """Whether it has its values."""
        return self._manager is not None

    @property
    def blocks(self):
        """The arrays that its values lie in."""
        return [block.values for block in self._manager.blocks]

    @property
    def columns(self):
        """Names of a frame's columns."""
        return [str(x) if isinstance(x, str) else shown(x) for x in self._manager.axes[0]]

    def __len__(self):
        return len(self._manager.axes[-1])

    def __array__(self, dtype=None, copy=None):
        values = self._manager.values()
        return values if dtype is None else values.astype(dtype)


class _Manager(Unbuilt):
    """The blocks of values of a table, each with the rows or columns that it fills."""

    def __init__(self, *parts):
        super().__init__()
        self.blocks = self.axes = None
        if len(parts) >= 2:  # pandas from 1.3 on: (blocks, axes), or one of each for a series
            blocks, axes = parts[:2]
            single = type(blocks) is _Block
            self._set([blocks] if single else blocks, [axes] if single else axes)

    def build(self, state):
        if type(state) is tuple and len(state) == 4 and type(state[3]) is dict:
            later = state[3].get("0.14.1")
            blocks = later.get("blocks") if type(later) is dict else None
            if type(blocks) is list and all(type(block) is dict for block in blocks):
                made = [_Block(block.get("values"), block.get("mgr_locs")) for block in blocks]
                self._set(made, later.get("axes"))
        return self

    def _set(self, blocks, axes):
        if self.blocks is not None or type(blocks) not in (list, tuple):
            raise RefusedError("a pandas object of a version that is not known")
        if type(axes) not in (list, tuple):
            raise RefusedError("a pandas object of a version that is not known")
        self.blocks, self.axes = list(blocks), list(axes)

    def check(self, machine):
        """Refuse blocks that do not fill the table, each place once."""
        blocks, axes = self.blocks or [], self.axes or []
        known = all(type(b) is _Block and type(b.values) is np.ndarray for b in blocks)
        known &= all(type(a) is range or (type(a) is np.ndarray and a.ndim == 1) for a in axes)
        if not known or not 1 <= len(axes) <= 2 or (len(axes) == 1 and len(blocks) != 1):
            raise RefusedError("a pandas object of a version that is not known")
        sizes = [len(axis) for axis in axes]
        filled = sum(block.values.size for block in blocks)
        wanted = sizes[0] * sizes[-1] if len(axes) == 2 else sizes[0]
        fills = filled == wanted and (len(axes) == 1 or sizes[0] <= _MOST_COLUMNS)
        if fills and len(axes) == 2:
            machine.spend(1 + sizes[0])
            fills = self._is_filled_once(*sizes)
        if not fills:
            raise RefusedError(
                f"a table of {' x '.join(f'{size:,}' for size in sizes)} values that its "
                f"{len(blocks):,} arrays of {filled:,} do not fill"
            )

    def _is_filled_once(self, columns, rows):
        times = np.zeros(columns, int)
        everything = np.arange(columns)
        for block in self.blocks:
            place = block.place
            if type(place) is np.ndarray:
                # Positions; a mask or numbers of another kind would mean something else.
                inside = place.ndim == 1 and place.dtype.kind in "iu" and len(place) <= columns
                if not inside or not np.isin(place, everything).all():
                    return False
            elif type(place) is not slice:
                return False
            taken = everything[place]
            if block.values.shape != (len(taken), rows):
                return False
            np.add.at(times, taken, 1)
        return bool((times == 1).all())

    def values(self):
        if len(self.axes) == 1:
            return self.blocks[0].values.reshape(-1)
        # Blocks hold (columns, rows).
        kinds = {block.values.dtype for block in self.blocks}
        columns = np.empty(
            (len(self.axes[0]), len(self.axes[1])), kinds.pop() if len(kinds) == 1 else object
        )
        for block in self.blocks:
            columns[block.place] = block.values
        return columns.T


class _Block:
    def __init__(self, values=None, place=None, ndim=None):
        self.values, self.place = values, place


class _Index:
    """The kind of an index, which `_new_index` gets with its data."""


def _new_index(machine, kind, state):
    if type(state) is not dict:
        raise RefusedError("an index of an unknown state")
    if "data" in state:
        data = state["data"]
        if type(data) is not np.ndarray or data.ndim != 1:
            raise RefusedError("an index of what is no array of one axis")
        return data
    ends = state.get("start"), state.get("stop"), state.get("step") or 1
    if not all(type(end) is int and abs(end) < _LONGEST_INDEX for end in ends):
        raise RefusedError(f"an index of {shown(ends)}")
    # Not an array: of two numbers it would be made as long as they say.
    return range(*ends)


def _making(kind):
    def make(machine, *arguments):
        # How a table is made differs between versions. Its state says all.
        return kind(machine) if kind is Table else kind(*arguments[:3])

    return make


_CALLS = {
    "Series": _making(Table),
    "DataFrame": _making(Table),
    "BlockManager": _making(_Manager),
    "SingleBlockManager": _making(_Manager),
    "_unpickle_block": _making(_Block),
    "_new_Index": _new_index,
    **dict.fromkeys(
        ("Index", "Int64Index", "UInt64Index", "Float64Index", "RangeIndex"),
        lambda machine, *arguments: _Index(),
    ),
}
STAND_INS = {name: Name(f"pandas.{name}", call) for name, call in _CALLS.items()}
