"""Batches of any number of samples: shuffled without a list, read by processes, resumable."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasfuse.datasets.batching.batches import Batches
from kerasfuse.datasets.batching.global_order import GlobalOrder
from kerasfuse.datasets.batching.streaming import Stream
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.kinds import check_count
from kerasfuse.optional_packages import require
from kerasfuse.shown import shown

# How many batches Keras looks at, on TensorFlow, before it begins with them.
_LOOKED_AT = 2


class GrainBatches(Batches):
    """Serve prepared records through [grain](https://github.com/google/grain).

    Batches are what `Batches` would make of the same samples. What differs is the order, which is
    computed sample by sample and never held; that processes read, not threads; that hosts share the
    samples; and that the position within an epoch can be kept.

    Where `shuffle` is true, batches come in the order in which they are asked for, whatever their
    numbers: `fit` mixes the numbers, and what is mixed already is then read ahead. A number that is
    asked for again in an epoch is the same batch.

    Processes are spawned, so that a script that is run needs `if __name__ == "__main__":`.

    Args:
        inputs: `Records`.
        workers: number of processes that read ahead; with 0 this one reads.
        shard: number of this host from 0, and how many hosts there are. `len` counts the batches of
            this host, and all else is of all samples.
        **options: see `Batches`, all but `readers`.

    Raises:
        ImportError: without grain, of the extra `scale`.
        ValueError: for inputs that are no records, more hosts than samples, and as `Batches`.
    """

    def __init__(
        self,
        inputs: Records,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        workers: int = 0,
        shard: tuple[int, int] = (0, 1),
        **options: Any,
    ) -> None:
        if not isinstance(inputs, Records):
            raise ValueError(
                'expected records for loader="grain". Received: data that are in memory already. '
                "Leave loader out."
            )
        if workers != 0:
            check_count("workers", workers)
        self._reads_for_others = False
        self._processes, self.shard = workers, _as_shard(shard, inputs.num_samples)
        self._stream: Stream | None = None
        self._order_of: tuple[Any, ...] = ()
        super().__init__(inputs, batch_size=batch_size, shuffle=shuffle, seed=seed, **options)

    # The order.

    def _new_order(self):
        told = (self.num_samples, self.batch_size, self.shuffle, self.seed, self.shard)
        order = self._order if told == self._order_of else GlobalOrder(*told)
        if told != self._order_of:
            self.close()
        self._order_of = told
        self._begin(0, len(order))
        return order

    def _begin(self, place, count):
        """Go on with the batch at a place in the epoch, of so many."""
        self._first = self._place = place
        # The place of each batch that was asked for by its number.
        self._places = np.full(count, -1, "int32")
        self._asked = -2

    def __len__(self) -> int:
        return len(self._order) - self._first

    def rows(self, index: int) -> np.ndarray:
        return self._order.rows(self._position(range(len(self))[index]))

    def _position(self, index):
        """Give the position, counted through all epochs, of the batch with a number."""
        if not self.shuffle:
            place = self._first + index
            self._place = max(self._place, place + 1)
        elif (place := int(self._places[index])) < 0:
            place = self._places[index] = self._place
            self._place += 1
        return self._epoch * len(self._order) + int(place)

    # Reading.

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return super().__getitem__(index)
        return self._completed(*self._read_ahead(self._position(range(len(self))[index])))

    def _read_ahead(self, position):
        follows, self._asked = position == self._asked + 1, position
        if not self._processes:
            return self._features(position)
        near = self._stream.position if self._stream else -1
        if near != position:
            # Keras looks at a batch or two before it begins. Only a second batch in order shows
            # that there will be more, and that processes are worth their start.
            if not follows or near - _LOOKED_AT <= position < near:
                return self._features(position)
            self.close()
            self._stream = Stream(self._plain()._features, self._processes, position)
        return self._stream.next()

    def _features(self, position):
        """Give the features of a batch and its rows, which take as long to find out again."""
        second = position % len(self._order) == 1
        unlike = self._order.rows(position - 1) if second else None
        rows = self._order.rows(position)
        return self._padded(rows, unlike, rows), rows

    def _zeros(self, shape, dtype):
        if not self._reads_for_others:
            return super()._zeros(shape, dtype)
        # Where the other process sees it: what is elsewhere would be copied there.
        return require("grain.multiprocessing", 'loader="grain"', "scale").SharedMemoryArray(
            shape, np.dtype(dtype)
        )

    def _plain(self):
        """Copy what a process needs to read features."""
        found = copy.copy(self)
        found._stream = found._places = found.labels = found._sample_weight = None
        found._ids, found.columns, found._alignments = (), {}, None
        found._reads_for_others = True
        vars(found).pop("ids", None)
        return found

    def subset(self, rows: ArrayLike) -> Batches:
        # Few enough to be listed, and so ordinary batches.
        ordinary = Batches.__new__(Batches)
        ordinary.__dict__.update(vars(self))
        return ordinary.subset(rows)

    def close(self) -> None:
        """End the processes; the next batch that is asked for begins others."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    # The position.

    def state(self) -> dict[str, int]:
        """Give the position, as numbers that JSON can hold, for `restore`.

        Returns:
            `epoch`, `batch` (how many batches of it were given), `seed` and `batches`, of how many.
        """
        return {
            "epoch": self.epoch,
            "batch": self._place,
            "seed": self.seed,
            "batches": len(self._order),
        }

    def restore(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken, with the very batch that would have come next.

        Until the epoch ends, `len` counts what is left of it: give `fit` that epoch by itself.

        Args:
            state: of batches of the same data, `batch_size`, `seed` and `shard`.

        Raises:
            ValueError: for the state of other batches.

        Example:

        >>> state = batches.state()
        >>> other.restore(state)
        """
        here = {"seed": self.seed, "batches": len(self._order)}
        epoch, batch = (state.get(name) for name in ("epoch", "batch"))
        fits = type(batch) is int and 0 <= batch <= len(self._order)
        if not fits or {name: state.get(name) for name in here} != here:
            raise ValueError(
                f"expected a state of these batches, with {here}. Received: {shown(state)}. Use "
                "the same data, batch_size, seed and shard."
            )
        self.epoch = epoch + (batch == len(self._order))
        self._begin(batch % len(self._order), len(self._order))


def _as_shard(shard, num_samples):
    fits = isinstance(shard, tuple | list) and len(shard) == 2
    fits = fits and all(type(number) is int for number in shard)
    if not fits or not 0 <= shard[0] < shard[1] <= num_samples:
        raise ValueError(
            "expected shard to be the number of this host, from 0, and how many hosts there are, "
            f"at most one a sample of {num_samples}. Received: shard={shown(shard)}"
        )
    return tuple(shard)
