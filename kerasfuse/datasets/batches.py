"""Batches: trimmed and padded batches of asynchronous sequences, in memory or in records."""

import difflib
import hashlib
import numbers
import warnings

import keras
import numpy as np

from kerasfuse.backend import fixes_shapes_from_two_batches
from kerasfuse.datasets.records import Records

# Batches of lengths rounded up to a multiple of this: few shapes, so few compilations.
_ROUNDING = 32
# Dense arrays are looked through this many values at a time, so that looking costs no memory.
_BLOCK_VALUES = 2**23


class Batches(keras.utils.PyDataset):
    """Serve samples of several sequence modalities as padded batches for `fit` and `predict`.

    A step whose features are all exactly 0 is padding at either end of a sample and a missing
    frame inside it. The padding of each sample is cut off on both ends, and each modality of a
    batch is padded to its longest sample in the batch, rounded up to a multiple of 32 but not
    beyond the longest sample of the whole data set. Models here do not see padding, so this
    changes no output. (TensorFlow, which takes all shapes from the first two batches, gets one step
    more in the second where these would be alike by chance.) A modality that a sample lacks is all
    zeros there.

    Batches are `(inputs, y)` with `inputs` a dict of modality name to float32
    `(batch, steps, width)` and `y` float32 `(batch, ...)`; without labels `(inputs,)`. The last
    batch may be smaller. With `shuffle=True` the order is a function of `seed` and `epoch` alone.
    `fit` counts `epoch` up when it starts and after each epoch, so that a run that is resumed after
    n epochs sets `epoch = n` before `fit`. Unless told `shuffle=False`, `fit` shuffles the order of
    the batches of any `PyDataset` once more, by Python's own random numbers.

    Args:
        inputs: dict of modality name to an array `(samples, steps, width)`, or to a list of arrays
            `(steps, width)`, one a sample, of any lengths, with `None` for a sample that lacks the
            modality. `None` for a whole modality, if `modalities` is given. Or `Records`, which
            are read from disk one batch at a time, and which may hold images and integer ids too.
        labels: `(samples, ...)` numbers, or `None`. One number a sample becomes `(samples, 1)`,
            the shape of a model's output.
        batch_size: samples a batch.
        shuffle: whether each epoch has a new order.
        seed: non-negative integer, the seed of the order.
        ids: one string a sample; their positions by default.
        modalities: dict of modality name to width that `inputs` must agree with, such as
            `model.modalities`.
        label_range: `(lowest, highest)` label allowed, or `None`.
        padding: `"right"`, or `"left"` as in MulT's own files.
        clean: set features that are not finite to 0, and warn of how many there were, in place of
            refusing them.
        alignments: dict of modality name to a list of `(steps,)` integer arrays that tell which
            event each step shows (-1: none), if the truth is known.

    Attributes:
        modalities: dict of modality name to width; of records also to the shape of an image, and
            to `None` for integer ids.
        labels: float32 array of all labels in stored order, or `None`.
        ids: list of str in stored order.
        num_samples: number of samples.
        epoch: number that the order depends on, from 0.

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
        inputs,
        labels=None,
        batch_size=32,
        shuffle=False,
        seed=0,
        ids=None,
        *,
        modalities=None,
        label_range=None,
        padding="right",
        clean=False,
        alignments=None,
    ):
        super().__init__()
        if padding not in ("right", "left"):
            raise ValueError(f'expected padding="right" or "left". Received: padding={padding!r}')
        if not isinstance(inputs, Records):
            inputs = _Memory(inputs, modalities, clean)
            if clean:
                inputs.report_cleaned()
        self._store = inputs
        self._steps = {name: _Steps(lengths) for name, lengths in inputs.lengths.items()}
        self.num_samples = inputs.num_samples
        self.modalities = inputs.modalities
        self.labels = _as_labels(labels, self.num_samples, label_range)
        self.ids = _as_ids(ids, self.num_samples)
        self.batch_size = _as_integer("batch_size", batch_size, least=1)
        self.shuffle = shuffle
        self.padding = padding
        self._seed = _as_integer("seed", seed, least=0)
        self._alignments = alignments
        self.epoch = 0

    @property
    def epoch(self):
        return self._epoch

    @epoch.setter
    def epoch(self, value):
        self._epoch = _as_integer("epoch", value, least=0)
        if self.shuffle:
            generator = np.random.default_rng([self._seed, self._epoch])
            self._order = generator.permutation(self.num_samples)
        else:
            self._order = np.arange(self.num_samples)

    def on_epoch_end(self):
        self.epoch += 1

    def __len__(self):
        return -(-self.num_samples // self.batch_size)

    def __getitem__(self, index):
        first = range(len(self))[index] * self.batch_size
        rows = self._order[first : first + self.batch_size]
        samples = self._store.read(rows)
        inputs = {}
        for name, arrays in samples.items():
            if name not in self._steps:
                inputs[name] = np.stack(arrays).astype("float32", copy=False)
                continue
            steps = self._steps[name]
            length = steps.padded(rows)
            if first == self.batch_size and fixes_shapes_from_two_batches():
                # One more step tells the trainer that this axis is not fixed.
                alike = length == steps.padded(self._order[: self.batch_size])
                length += alike and steps.vary
            inputs[name] = _padded(arrays, length, self.padding)
        return (inputs,) if self.labels is None else (inputs, self.labels[rows])

    def alignment(self, i):
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

    def checksum(self):
        """Give the sha256 of all valid features and labels in stored order, in hexadecimal.

        Of records it is the sha256 of what their conversion computed for each sample.
        """
        digest = hashlib.sha256()
        self._store.update(digest)
        if self.labels is not None:
            digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def __repr__(self):
        widths = ", ".join(f"{name} {width}" for name, width in self.modalities.items())
        return f"<Batches of {self.num_samples} samples: {widths}; batch_size={self.batch_size}>"


class _Memory:
    """The sequences of all modalities, in arrays of the caller."""

    def __init__(self, inputs, modalities, clean):
        _check_names(inputs, modalities)
        # Modalities keep the order of the model where one is named, else the caller's.
        self._sequences = {
            name: _Sequences(name, inputs[name], modalities and modalities[name], clean)
            for name in (modalities or inputs)
        }
        counts = {n: len(s.lengths) for n, s in self._sequences.items() if s.samples is not None}
        if len(set(counts.values())) != 1:
            raise ValueError(
                "expected as many samples in each modality, and at least one modality that is not "
                f"None. Received: {counts}"
            )
        self.num_samples = next(iter(counts.values()))
        for sequences in self._sequences.values():
            if sequences.samples is None:
                sequences.mark_absent(self.num_samples)
        self.modalities = {name: s.width for name, s in self._sequences.items()}
        self.lengths = {name: s.lengths for name, s in self._sequences.items()}
        self._check_some_input()

    def read(self, rows):
        """Give a dict of modality name to the arrays of some samples, without padding."""
        return {name: [s.sample(i) for i in rows] for name, s in self._sequences.items()}

    def update(self, digest):
        """Add all valid features to a hash."""
        for name, sequences in self._sequences.items():
            digest.update(name.encode())
            for i in range(self.num_samples):
                digest.update(sequences.sample(i).tobytes())

    def valid_steps(self, i):
        return {name: sequences.valid_steps(i) for name, sequences in self._sequences.items()}

    def report_cleaned(self):
        cleaned = {n: s.num_cleaned for n, s in self._sequences.items() if s.num_cleaned}
        if cleaned:
            counts = ", ".join(f"{count} in {name!r}" for name, count in cleaned.items())
            warnings.warn(f"features that were not finite are now 0: {counts}", stacklevel=4)

    def _check_some_input(self):
        present = np.any([lengths > 0 for lengths in self.lengths.values()], axis=0)
        if not present.all():
            raise ValueError(
                "expected every sample to have at least one step that is not all zeros in at least "
                f"one modality. Received: {np.sum(~present)} empty sample(s), the first at "
                f"position {np.argmin(present)}. Leave them out."
            )


class _Steps:
    """How many steps a modality gets in a batch."""

    def __init__(self, lengths):
        self._lengths = lengths
        self._longest = max(int(lengths.max()), 1)
        self.vary = _rounded(lengths.min(), self._longest) < self._longest

    def padded(self, rows):
        return _rounded(self._lengths[rows].max(), self._longest)


class _Sequences:
    """The samples of one modality, and where each begins and ends between its padding."""

    def __init__(self, name, samples, width, clean):
        self.name = name
        self.width = width
        self.num_cleaned = 0
        self.samples = samples
        self._borrowed = True  # the caller's array, which is not ours to change
        if samples is None:
            if width is None:
                raise ValueError(
                    f"expected arrays, or the widths in modalities={{{name!r}: ...}}. "
                    f"Received: inputs[{name!r}]=None"
                )
            return
        self._convert()
        if width is not None and width != self.width:
            raise ValueError(
                f"expected inputs[{name!r}] to be {width} features wide. "
                f"Received: width {self.width}"
            )
        self._find_ends(clean)

    def mark_absent(self, num_samples):
        self._start = self._stop = self.lengths = np.zeros(num_samples, int)

    def valid_steps(self, i):
        return slice(self._start[i], self._stop[i])

    def sample(self, i):
        if not self.lengths[i]:
            return np.zeros((0, self.width), "float32")
        return self.samples[i][self.valid_steps(i)]

    def _convert(self):
        samples = self.samples
        if isinstance(samples, dict | str):
            raise ValueError(
                f"expected inputs[{self.name!r}] to be an array (samples, steps, width) or a list "
                f"of arrays (steps, width). Received: {type(samples).__name__}"
            )
        if not isinstance(samples, list | tuple):
            samples = np.asarray(samples)
            if samples.dtype == object:  # how numpy stores sequences of different lengths
                samples = list(samples)
        if not len(samples):
            raise ValueError(f"expected samples. Received: none in inputs[{self.name!r}]")
        if isinstance(samples, np.ndarray):
            self.samples = self._as_float32(samples, "", 3)
            self.width = samples.shape[2]
            return
        self.samples = [
            None if x is None else self._as_float32(x, f"[{i}]", 2) for i, x in enumerate(samples)
        ]
        widths = [None if x is None else x.shape[1] for x in self.samples]
        present = [i for i, x in enumerate(widths) if x is not None]
        # The width that `modalities` gives stays where every sample lacks the modality.
        self.width = widths[present[0]] if present else self.width
        for i in present:
            if widths[i] != self.width:
                raise ValueError(
                    f"expected inputs[{self.name!r}] to be equally wide in all samples. Received: "
                    f"width {self.width} in sample {present[0]} and {widths[i]} in sample {i}"
                )
        if self.width is None:
            raise ValueError(
                f"expected a sample that is not None, or the widths in modalities="
                f"{{{self.name!r}: ...}}. Received: only None in inputs[{self.name!r}]"
            )

    def _as_float32(self, x, where, rank):
        x = np.asarray(x)
        if x.ndim != rank or x.dtype.kind not in "fiub":
            axes = "(samples, steps, width)" if rank == 3 else "(steps, width)"
            raise ValueError(
                f"expected inputs[{self.name!r}]{where} to be numbers of shape {axes}. Received: "
                f"dtype {x.dtype}, shape {x.shape}"
            )
        if not x.size:
            raise ValueError(
                f"expected inputs[{self.name!r}]{where} to have steps and features; give a sample "
                f"that lacks the modality as None or as zeros. Received: shape {x.shape}"
            )
        with np.errstate(over="ignore"):  # too large for float32: refused below as infinite
            return x.astype("float32", copy=False)

    def _find_ends(self, clean):
        num_samples = len(self.samples)
        self._start, self._stop = np.zeros(num_samples, int), np.zeros(num_samples, int)
        num_nan, num_infinite, first_bad = 0, 0, None
        for first, block in self._blocks():
            finite = np.isfinite(block)
            if not finite.all():
                if first_bad is None:
                    sample, step, feature = np.argwhere(~finite)[0].tolist()
                    first_bad = f"sample {first + sample}, step {step}, feature {feature}"
                nans = int(np.isnan(block).sum())
                num_nan, num_infinite = num_nan + nans, num_infinite + (~finite).sum() - nans
                block = np.where(finite, block, np.float32(0))
                if clean:
                    self._replace(first, block)
            valid = (block != 0).any(axis=-1)
            stop = valid.shape[1] - valid[:, ::-1].argmax(axis=1)
            some = valid.any(axis=1)
            part = slice(first, first + len(block))
            self._start[part] = np.where(some, valid.argmax(axis=1), 0)
            self._stop[part] = np.where(some, stop, 0)
        if first_bad and not clean:
            raise ValueError(
                f"expected finite features. Received: inputs[{self.name!r}] with {num_nan} NaN and "
                f"{num_infinite} infinite values, the first at {first_bad}. "
                "Repair them, or set them to 0 with clean=True."
            )
        self.num_cleaned = int(num_nan + num_infinite)
        self.lengths = self._stop - self._start

    def _blocks(self):
        """Give (position of the first sample, array (samples, steps, width)), one at a time."""
        if isinstance(self.samples, list):
            for i, x in enumerate(self.samples):
                if x is not None:
                    yield i, x[None]
            return
        size = max(1, _BLOCK_VALUES // self.samples[0].size)
        for first in range(0, len(self.samples), size):
            yield first, self.samples[first : first + size]

    def _replace(self, first, block):
        if isinstance(self.samples, list):
            self.samples[first] = block[0]
            return
        if self._borrowed:
            self.samples, self._borrowed = self.samples.copy(), False
        self.samples[first : first + len(block)] = block


def _padded(arrays, steps, side):
    batch = np.zeros((len(arrays), steps, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, x in zip(batch, arrays, strict=True):
        if length := len(x):
            row[slice(0, length) if side == "right" else slice(steps - length, steps)] = x
    return batch


def _rounded(length, longest):
    # The length 0 of an absent modality goes with the shortest others.
    return min(-(-max(int(length), 1) // _ROUNDING) * _ROUNDING, longest)


def _check_names(inputs, modalities):
    if not isinstance(inputs, dict) or not inputs:
        what = "an empty dict" if isinstance(inputs, dict) else type(inputs).__name__
        raise ValueError(
            f"expected inputs to be a dict of modality name to arrays. Received: {what}"
        )
    if modalities is None:
        return
    missing = [name for name in modalities if name not in inputs]
    unknown = [name for name in inputs if name not in modalities]
    if not missing and not unknown:
        return
    hints = [f"{name!r} is not among them" for name in unknown]
    for i, name in enumerate(unknown):
        if close := difflib.get_close_matches(str(name), missing or list(modalities), n=1):
            hints[i] += f" (is it {close[0]!r}?)"
    hints += [f"{name!r} is missing (give None or zeros if it is absent)" for name in missing]
    raise ValueError(
        f"expected inputs to have the modalities {', '.join(map(repr, modalities))}. "
        f"Received: {', '.join(map(repr, inputs))}; {'; '.join(hints)}"
    )


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


def _as_ids(ids, num_samples):
    ids = [str(i) for i in (range(num_samples) if ids is None else ids)]
    if len(ids) != num_samples:
        raise ValueError(
            f"expected one id for each of the {num_samples} samples. Received: {len(ids)} ids"
        )
    return ids


def _as_integer(name, value, least):
    if not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"expected {name} to be an integer from {least}. Received: {value!r}")
    return int(value)
