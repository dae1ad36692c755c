"""Batches: trimmed and padded batches of asynchronous sequences, and of images."""

import copy
import functools
import hashlib
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasfuse.backend import fixes_shapes_from_two_batches
from kerasfuse.datasets.batching.memory import Memory
from kerasfuse.datasets.batching.selection import Selection
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.read_ahead import ReadAhead

# Batches of lengths rounded up to a multiple of this: few shapes, so few compilations.
_ROUNDING = 32


class Batches(keras.utils.PyDataset):
    """Serve samples of several modalities as padded batches for `fit` and `predict`.

    Modalities are sequences, or images, which have no steps and are stacked as they are. A step
    whose features are all exactly 0 is padding at either end of a sample and a missing frame inside
    it. The padding of each sample is cut off on both ends, and each modality of a batch is padded
    to its longest sample in the batch, rounded up to a multiple of 32 but not beyond the longest
    sample of the whole data set. Models here do not see padding, so this changes no output.
    (TensorFlow, which takes all shapes from the first two batches, gets one step more in the second
    where these would be alike by chance.) A modality that a sample lacks is all zeros there.

    Batches are `(inputs, y)` with `inputs` a dict of modality name to float32 `(batch, steps,
    width)`, of images `(batch, height, width, channels)`, and `y` float32 `(batch, ...)`; without
    labels `(inputs,)`. The last batch may be smaller. With `shuffle=True` the order is a function
    of `seed` and `epoch` alone. `fit` counts `epoch` up when it starts and after each epoch, so
    that a run that is resumed after n epochs sets `epoch = n` before `fit`. Unless told
    `shuffle=False`, `fit` shuffles the order of the batches of any `PyDataset` once more, by
    Python's own random numbers.

    Args:
        inputs: dict of modality name to an array `(samples, steps, width)`, or to a list of arrays
            `(steps, width)`, one a sample, of any lengths, with `None` for a sample that lacks the
            modality; or to an array `(samples, height, width, channels)`, or a list of such
            images. `None` for a whole modality, if `modalities` is given. Or `Records`, which are
            read from disk one batch at a time, and which may hold integer ids too.
        labels: `(samples, ...)` numbers, or `None`. One number a sample becomes `(samples, 1)`,
            the shape of a model's output.
        batch_size: samples a batch.
        shuffle: whether each epoch has a new order.
        seed: non-negative integer, the seed of the order.
        ids: one string a sample; their positions by default.
        modalities: dict of modality name to width, or to the shape of an image, that `inputs` must
            agree with, such as `model.modalities`.
        label_range: `(lowest, highest)` label allowed, or `None`.
        padding: `"right"`, or `"left"` as in MulT's own files.
        clean: set features that are not finite to 0, and warn of how many there were, in place of
            refusing them.
        alignments: dict of modality name to a list of `(steps,)` integer arrays that tell which
            event each step shows (-1: none), if the truth is known.
        aligned: names of the modalities that share their steps, such as words with their sounds, or
            `True` for all sequences. Their padding is cut together, so that step i of one stays
            beside step i of the others. Records say this themselves.
        identity: text that decides every sample, of data that are computed. Their last bits depend
            on the machine and its threads; their checksum must not.
        sample_weight: `(samples,)` numbers from 0, by which losses and weighted metrics count
            samples; batches are then `(inputs, y, weights)`.
        label_names: names of the classes, where labels are their numbers; or of the numbers of a
            label.
        columns: dict of name to a list, one value a sample, of what else the files say of samples,
            such as who speaks.
        readers: number of threads that read batches ahead while the model computes; with 0 each is
            read when it is asked for. The order is the same.

    Attributes:
        modalities: dict of modality name to width, to the shape of an image, or of records to
            `None` for integer ids.
        labels: float32 array of all labels in stored order, or `None`.
        ids: list of str in stored order.
        num_samples: number of samples.
        aligned: tuple of the names of the modalities that share their steps.
        sample_weight: float32 array of all weights in stored order, or `None`; it may be set.
        label_names: tuple of names, or `None`.
        columns: dict of name to list, in stored order.
        epoch: number that the order depends on, from 0.
        numbered: whether the inputs of a batch also hold `sample_number`, int32 `(batch,)`, the
            positions of its samples in stored order. `False` unless set; a model that remembers
            its samples, such as `SelfMM`, sets it while it trains.

    Raises:
        ValueError: for names or widths that are not those of `modalities`, empty sequences or data,
            features that are not finite, labels outside `label_range`, and counts that disagree.

    Example:

    >>> text = [np.ones((steps, 300)) for steps in (4, 7)]
    >>> batches = Batches({"text": text, "audio": np.ones((2, 50, 74))}, labels=[-1.2, 2.0])
    >>> inputs, y = batches[0]
    >>> inputs["text"].shape, inputs["audio"].shape, y.shape
    ((2, 7, 300), (2, 50, 74), (2, 1))
    """

    def __init__(
        self,
        inputs: Mapping[str, Any] | Records,
        labels: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        ids: Sequence[str] | None = None,
        *,
        modalities: Mapping[str, int | tuple[int, ...]] | None = None,
        label_range: tuple[float, float] | None = None,
        padding: str = "right",
        clean: bool = False,
        alignments: Mapping[str, Sequence[np.ndarray]] | None = None,
        aligned: bool | Sequence[str] = (),
        identity: str | None = None,
        sample_weight: ArrayLike | None = None,
        label_names: Sequence[str] | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
        readers: int = 0,
    ) -> None:
        super().__init__()
        if padding not in ("right", "left"):
            raise ValueError(f'expected padding="right" or "left". Received: padding={padding!r}')
        store: Any = inputs
        if not isinstance(inputs, Records):
            store = Memory(inputs, modalities, clean, aligned)
            if clean:
                store.report_cleaned()
        self._store = store
        self._steps = {name: _Steps(lengths) for name, lengths in store.lengths.items()}
        self.num_samples = store.num_samples
        self.modalities = store.modalities
        self.labels = _as_labels(labels, self.num_samples, label_range)
        self._ids: Any = range(self.num_samples) if ids is None else ids
        if len(self._ids) != self.num_samples:
            raise ValueError(
                f"expected one id for each of the {self.num_samples} samples. Received: "
                f"{len(self._ids)} ids"
            )
        self.batch_size = _as_integer("batch_size", batch_size, least=1)
        self.shuffle = shuffle
        self.padding = padding
        self.seed = _as_integer("seed", seed, least=0)
        self.aligned: tuple[str, ...] = store.aligned
        self._alignments = alignments
        self._identity = identity
        self.sample_weight = sample_weight
        self.label_names = None if label_names is None else tuple(label_names)
        self.columns = {name: list(values) for name, values in (columns or {}).items()}
        readers = _as_integer("readers", readers, least=0)
        self._ahead = ReadAhead(readers) if readers else None
        self.numbered = False
        self.epoch = 0

    @functools.cached_property
    def ids(self) -> list[str]:
        # Of many millions of samples nobody asks.
        return [str(one) for one in self._ids]

    @property
    def lengths(self) -> dict[str, np.ndarray]:
        """Number of steps of each sequence between its padding: modality -> `(samples,)`."""
        return dict(self._store.lengths)

    @property
    def sample_weight(self) -> np.ndarray | None:
        return self._sample_weight

    @sample_weight.setter
    def sample_weight(self, value: ArrayLike | None) -> None:
        if value is not None and self.labels is None:
            raise ValueError("expected sample_weight beside labels. Received: no labels")
        self._sample_weight = _as_weights(value, self.num_samples)

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = _as_integer("epoch", value, least=0)
        self._order = self._new_order()

    def _new_order(self):
        if not self.shuffle:
            return np.arange(self.num_samples)
        return np.random.default_rng([self.seed, self._epoch]).permutation(self.num_samples)

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __len__(self) -> int:
        return -(-self.num_samples // self.batch_size)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            chosen = [self.rows(i) for i in range(len(self))[index]]
            if not chosen:
                raise ValueError(
                    f"expected a slice with a batch in it. Received: {index} of {len(self)} batches"
                )
            return self.subset(np.concatenate(chosen))
        index = range(len(self))[index]
        if self._ahead is None:
            return self._read(index)
        return self._ahead.get(self.epoch, index, len(self), self._read)

    def _read(self, index):
        return self.gather(self.rows(index), unlike=self.rows(0) if index == 1 else None)

    def subset(self, rows: ArrayLike) -> "Batches":
        """Return batches of some samples, in the order given, which is not shuffled.

        `batches[:10]` is the subset of its first ten batches.

        Args:
            rows: positions of the samples in stored order, or one boolean a sample.

        Raises:
            ValueError: for no samples, and positions that are none.

        Example:

        >>> some = batches.subset(batches.labels[:, 0] > 0)
        """
        rows = np.asarray(rows)
        if rows.dtype == bool and rows.shape == (self.num_samples,):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or not rows.size or rows.dtype.kind not in "iu":
            raise ValueError(
                "expected positions of samples, at least one, or a boolean for each of the "
                f"{self.num_samples}. Received: dtype {rows.dtype}, shape {rows.shape}"
            )
        if rows.min() < -self.num_samples or rows.max() >= self.num_samples:
            raise ValueError(
                f"expected positions of {self.num_samples} samples. "
                f"Received: {rows.min()} to {rows.max()}"
            )
        rows = np.arange(self.num_samples)[rows]
        found = copy.copy(self)
        found._store = Selection(self._store, rows)
        found._steps = {name: _Steps(x) for name, x in found._store.lengths.items()}
        found.num_samples = len(rows)
        found.labels = None if self.labels is None else self.labels[rows]
        found.sample_weight = None if self.sample_weight is None else self.sample_weight[rows]
        found.ids = [self.ids[row] for row in rows]
        found.columns = {m: [x[row] for row in rows] for m, x in self.columns.items()}
        if self._alignments is not None:
            found._alignments = {m: [x[row] for row in rows] for m, x in self._alignments.items()}
        if self._identity is not None:
            found._identity = f"{self._identity} {rows.tolist()}"
        found._ahead = None
        found.shuffle = False
        found.epoch = 0
        return found

    def split(self, share: float, seed: int = 0) -> tuple["Batches", "Batches"]:
        """Split the samples at random, once: the first part has that share of them.

        Args:
            share: above 0, below 1.
            seed: of the draw.

        Returns:
            Two `Batches` in stored order. Set `shuffle = True` on one to train on.

        Raises:
            ValueError: for a share that leaves a part empty.

        Example:

        >>> validation, train = batches.split(0.2)
        """
        count = round(share * self.num_samples)
        if not 0 < count < self.num_samples:
            raise ValueError(
                f"expected a share that leaves samples in both parts, of {self.num_samples}. "
                f"Received: share={share!r}"
            )
        order = np.random.default_rng(seed).permutation(self.num_samples)
        return self.subset(np.sort(order[:count])), self.subset(np.sort(order[count:]))

    def share(self, rank: int, ranks: int) -> Any:
        """Serve one device of several: its rows of every batch, in every epoch.

        Args:
            rank: number of the device, from 0.
            ranks: how many there are.

        Returns:
            What `fit` takes in place of these batches. What all devices see together is what one
            would see alone, see `kerasfuse.datasets.batching.share.Share`.

        Raises:
            ValueError: for a rank that is not below `ranks`.

        Example:

        >>> first, second = (batches.share(rank, 2) for rank in range(2))
        """
        # Imported here: it stands on these batches.
        from kerasfuse.datasets.batching.share import Share

        return Share(self, rank, ranks)

    def places(self, index: int, places: Sequence[int]) -> np.ndarray:
        """Give the rows of a batch that hold the samples at some of its places: the places."""
        return np.asarray(places)

    def part(self, index: int, places: Sequence[int]) -> tuple[Any, ...]:
        """Make a batch of the samples at some places of a batch, padded as the whole one is."""
        whole, first = self.rows(index), self.rows(0) if index == 1 else None
        return self.gather(whole[self.places(index, places)], unlike=first, beside=whole)

    def rows(self, index: int) -> np.ndarray:
        """Give the positions, in stored order, of the samples of a batch of this epoch."""
        first = range(len(self))[index] * self.batch_size
        return self._order[first : first + self.batch_size]

    def gather(
        self,
        rows: ArrayLike,
        unlike: ArrayLike | None = None,
        beside: ArrayLike | None = None,
    ) -> tuple[Any, ...]:
        """Make a batch of any samples.

        Args:
            rows: their positions in stored order; one may occur several times.
            unlike: rows of the first batch, when this is the second: TensorFlow takes a number of
                steps that both share for fixed.
            beside: rows of the batch that these are a part of, which is padded alike.

        Returns:
            What `self[i]` returns.
        """
        rows = np.asarray(rows)
        beside = rows if beside is None else np.asarray(beside)
        return self._completed(self._padded(rows, unlike, beside), rows)

    def _padded(self, rows, unlike, beside):
        """Give the features of samples, `(batch, ...)` by modality, padded as those beside are."""
        lengths = {name: steps.padded(beside) for name, steps in self._steps.items()}
        if unlike is not None and fixes_shapes_from_two_batches():
            for name, steps in self._steps.items():
                # One more step tells the trainer that this axis is not fixed.
                lengths[name] += lengths[name] == steps.padded(unlike) and steps.vary
        inputs = {}
        for place, sample in enumerate(self._store.samples(rows)):
            for name, x in sample.items():
                if name not in inputs:
                    is_image = name not in lengths
                    shape = x.shape if is_image else (lengths[name], *x.shape[1:])
                    dtype = "float32" if is_image else x.dtype
                    inputs[name] = self._zeros((len(rows), *shape), dtype)
                _put(x, inputs[name][place], self.padding)
        return inputs

    def _zeros(self, shape, dtype):
        return np.zeros(shape, dtype)

    def _completed(self, inputs, rows):
        """Give a batch, of its features."""
        if self.numbered:
            inputs["sample_number"] = rows.astype("int32")
        if self.labels is None:
            return (inputs,)
        if self.sample_weight is None:
            return inputs, self.labels[rows]
        return inputs, self.labels[rows], self.sample_weight[rows]

    def alignment(self, i: int) -> dict[str, np.ndarray]:
        """Give the event that each step of sample `i` shows.

        Args:
            i: position in stored order, as in `labels` and `ids`, whatever the shuffling.

        Returns:
            Dict of modality name to an integer array over the valid steps of the sample, without
            padding: the number of the event, alike in all modalities, or -1 for none. A modality
            that the sample lacks has no steps.

        Raises:
            ValueError: when the true alignment is not known, as of all real data here.
        """
        if self._alignments is None:
            raise ValueError(
                "expected a data set whose true alignment is known, such as "
                'kerasfuse.datasets.load("simulated"). Received: one without'
            )
        i = range(self.num_samples)[i]
        return {
            name: np.asarray(self._alignments[name][i][steps])
            for name, steps in self._store.valid_steps(i).items()
        }

    def checksum(self) -> str:
        """Give the sha256 of all valid features and labels in stored order, in hexadecimal.

        Of records it is the sha256 of what their conversion computed for each sample, and of
        computed data that of their `identity`.
        """
        if self._identity is not None:
            return hashlib.sha256(self._identity.encode()).hexdigest()
        digest = hashlib.sha256()
        self._store.update(digest)
        if self.labels is not None:
            digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        widths = ", ".join(f"{name} {width}" for name, width in self.modalities.items())
        return f"<Batches of {self.num_samples} samples: {widths}; batch_size={self.batch_size}>"


class _Steps:
    """How many steps a modality gets in a batch."""

    def __init__(self, lengths):
        self._lengths = lengths
        self._longest = max(int(lengths.max()), 1)
        self.vary = _rounded(lengths.min(), self._longest) < self._longest

    def padded(self, rows):
        return _rounded(self._lengths[rows].max(), self._longest)


def _put(x, row, side):
    """Write a sample into its row of a batch, beside the padding."""
    length = len(x)
    row[slice(0, length) if side == "right" else slice(len(row) - length, len(row))] = x


def _rounded(length, longest):
    # The length 0 of an absent modality goes with the shortest others.
    return min(-(-max(int(length), 1) // _ROUNDING) * _ROUNDING, longest)


def _as_labels(labels, num_samples, label_range):
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.dtype.kind not in "fiub" or labels.ndim == 0 or len(labels) != num_samples:
        raise ValueError(
            f"expected one label for each of the {num_samples} samples. Received: labels of dtype "
            f"{labels.dtype}, shape {labels.shape}"
        )
    labels = labels.astype("float32")
    labels = labels[:, None] if labels.ndim == 1 else labels
    low, high = (-np.inf, np.inf) if label_range is None else label_range
    wrong = ~(np.isfinite(labels) & (labels >= low) & (labels <= high))
    if wrong.any():
        first = np.argwhere(wrong)[0]
        wanted = "finite" if label_range is None else f"between {low:g} and {high:g}"
        raise ValueError(
            f"expected labels {wanted}. Received: {wrong.sum()} outside, the first "
            f"{labels[tuple(first)]:g} at sample {first[0]}"
        )
    return labels


def _as_weights(weights, num_samples):
    if weights is None:
        return None
    weights = np.asarray(weights)
    fits = weights.dtype.kind in "fiub" and weights.shape == (num_samples,)
    if not fits or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"expected sample_weight with a finite number from 0 for each of the {num_samples} "
            f"samples. Received: dtype {weights.dtype}, shape {weights.shape}"
        )
    return weights.astype("float32")


def _as_integer(name, value, least):
    if not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"expected {name} to be an integer from {least}. Received: {value!r}")
    return int(value)
