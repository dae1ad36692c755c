"""Samples of one split that lie in TFDS records, read a batch at a time."""

import collections
import json
import pathlib
import threading

import numpy as np
import tensorflow_datasets as tfds

from kerasfuse import plain_files
from kerasfuse.datasets.conversion import freed_memory, record_bytes, report
from kerasfuse.datasets.conversion.builder import FACTS
from kerasfuse.datasets.conversion.damaged import whole
from kerasfuse.datasets.conversion.standardization import standardized_steps, without_constant
from kerasfuse.kinds import check_names

# Samples that are in memory at a time while moments are computed.
_BLOCK = 64
# Bytes of samples that stay in memory once they are read: decoding takes longer than a small
# network does, and small data sets are read many times.
_KEPT_BYTES = 2**29


class Records:
    """Read samples from the records that a conversion wrote.

    The index is held in memory (ids, labels and lengths), and the first samples that are read, up
    to half a gigabyte: all of a small data set, so that it is read from disk only once.

    Args:
        folder: folder of the records.
        split: name of the split, or several with `+` between.
        fields: dict of modality name to the name of the array in the records; by default all
            arrays under their own names.

    Attributes:
        modalities: dict of modality name to the width of its steps, `None` for integer ids, or the
            shape of an image.
        lengths: dict of modality name to `(samples,)` numbers of steps; images have none.
        aligned: tuple of the names of the modalities that share their steps.
        folder: folder of the records.
        ids, labels: of all samples, in stored order.
        splits: names of all stored splits.

    Raises:
        ValueError: for a split that the data set does not have.
    """

    def __init__(self, folder, split, fields=None):
        self.folder = pathlib.Path(folder)
        with whole(self.folder):
            # What is hidden comes and goes, as another process writes.
            for file in self.folder.glob("[!.]*"):
                plain_files.check(file)
            stored = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
            self.splits = list(stored["report"]["samples"])
        splits = split.split("+")
        if unknown := [name for name in splits if name not in self.splits]:
            raise ValueError(
                f"expected split to be one of {', '.join(map(repr, self.splits))}. "
                f"Received: {', '.join(map(repr, unknown))}"
            )
        self._split, self._stored = split, stored
        with whole(self.folder):
            self._fields = fields = fields or {name: name for name in stored["fields"]}
            shapes = {name: stored["fields"][field][0] for name, field in fields.items()}
            self.modalities = {name: _width(shape) for name, shape in shapes.items()}
            self.aligned = tuple(n for n, field in fields.items() if field in stored["aligned"])
            index = _concatenated([self.folder / f"index-{name}.npz" for name in splits])
            self._records = _opened(self.folder, split)
            if len(self._records) != len(index["ids"]):
                raise ValueError(f"{len(self._records)} records, {len(index['ids'])} in the index")
            self._ids, self.labels = index["ids"], index["labels"]
            self._digests = index["digests"]
            self.lengths = {
                name: index[f"lengths:{fields[name]}"]
                for name, shape in shapes.items()
                if shape[0] is None
            }
        self._moments, self._farthest = {}, {}
        self._kept, self._kept_bytes = {}, 0
        self.num_samples = len(self._ids)
        self._rows = np.arange(self.num_samples)
        self._reading = threading.Lock()  # batches may be read in several threads
        freed_memory.keep()

    def __getstate__(self):
        """Give what another process needs to read samples; it opens the files itself.

        It keeps no samples: each of several processes would keep the same ones.
        """
        left = ("_records", "_reading", "_ids", "labels", "_digests", "keys")
        kept = {name: x for name, x in vars(self).items() if name not in left}
        return kept | {"_kept": {}, "_kept_bytes": _KEPT_BYTES}

    def __setstate__(self, state):
        vars(self).update(state)
        self._records = _opened(self.folder, self._split)
        self._reading = threading.Lock()
        freed_memory.keep()

    @property
    def ids(self):
        return self._ids.tolist()

    def samples(self, rows):
        """Yield a dict of modality name to array, without padding, for each of some samples.

        One after the other, so that the memory of one is that of the next: to get new memory from
        the system takes as long as to fill it.
        """
        for sample in self._samples([int(self._rows[row]) for row in rows]):
            yield {name: self._scaled(name, sample[field]) for name, field in self._fields.items()}

    def read(self, rows):
        """Give a dict of modality name to the arrays of some samples, all at once."""
        samples = list(self.samples(rows))
        return {name: [sample[name] for sample in samples] for name in self._fields}

    def arguments(self):
        """Give the arguments of `Batches` for these samples."""
        return {"inputs": self, "labels": self.labels, "ids": self._ids}

    def keep(self, rows):
        """Leave only some samples, in the order given.

        Args:
            rows: integer array of positions.
        """
        self._rows = self._rows[rows]
        self._ids = self._ids[rows]
        self.labels, self._digests = self.labels[rows], self._digests[rows]
        self.lengths = {name: lengths[rows] for name, lengths in self.lengths.items()}
        self.num_samples = len(self._ids)

    def choose(self, names):
        """Leave only some modalities, in the order of the records; `None` leaves all.

        Raises:
            ValueError: for a name that is not among them, and for none.
        """
        if names is None:
            return
        check_names("modalities", names)
        if not names or (unknown := [name for name in names if name not in self._fields]):
            received = unknown if names else names
            raise ValueError(
                f"expected modalities to be some of {list(self._fields)}. Received: {received}"
            )
        for held in (self._fields, self.modalities, self.lengths, self._moments):
            for name in [name for name in held if name not in names]:
                del held[name]
        self.aligned = tuple(name for name in self.aligned if name in names)

    def moments(self, names):
        """Give the mean and standard deviation of each feature over all steps that are not zero.

        Args:
            names: the modalities.

        Returns:
            dict of modality name to two arrays `(width,)` in float64.
        """
        totals = {name: [0, 0.0, 0.0] for name in names}
        for first in range(0, self.num_samples, _BLOCK):
            rows = self._rows[first : first + _BLOCK].tolist()
            for sample in self._samples(rows):
                for name, total in totals.items():
                    x = sample[self._fields[name]].astype("float64")
                    x = x[x.any(axis=1)]
                    total[0] += len(x)
                    total[1] += x.sum(axis=0)
                    total[2] += (x**2).sum(axis=0)
        found = {}
        for name, (count, total, squares) in totals.items():
            mean = total / count
            found[name] = mean, np.sqrt(np.maximum(squares / count - mean**2, 0))
        return found

    def standardize(self, moments, farthest=np.inf):
        """Centre and scale what is read from now on; zero steps stay, constant features become 0.

        Args:
            moments: what `moments` of the training split gave.
            farthest: standard deviations beyond which a value is taken for this many.
        """
        for name, found in moments.items():
            self._moments[name] = without_constant(*found)
            self._farthest[name] = farthest

    def deviation(self, name):
        """Return by what each feature of a modality is divided, `(width,)` or 1."""
        return self._moments[name][1] if name in self._moments else np.ones(self.modalities[name])

    def _samples(self, numbers):
        """Yield a dict of field to stored array for each of some records, from memory or disk."""
        ahead = collections.Counter(numbers)
        again = {}
        for number in numbers:
            ahead[number] -= 1
            sample = self._kept.get(number, again.get(number))
            if sample is None:
                sample = self._fetched(number)
                size = sum(x.nbytes for x in sample.values())
                if self._kept_bytes + size <= _KEPT_BYTES:
                    self._kept[number] = sample
                    self._kept_bytes += size
                elif ahead[number]:
                    again[number] = sample
            yield sample

    def _fetched(self, number):
        wanted = {field: self._stored["fields"][field] for field in self._fields.values()}
        with whole(self.folder):
            with self._reading:  # batches may be read in several threads
                record = self._records[number]
            return record_bytes.arrays(record, wanted)

    def _scaled(self, name, x):
        if name not in self._moments:
            return x
        mean, deviation = self._moments[name]
        if name not in self.lengths:  # an image has no steps that could be missing
            return ((x - mean) / deviation).astype("float32")
        scaled = standardized_steps(x, mean, deviation)
        return np.clip(scaled, -self._farthest[name], self._farthest[name])

    def report(self):
        """Write what the conversion found in the files, as lines."""
        return report.text(self._records.dataset_info.name, self._stored, whole=True)

    def update(self, digest):
        """Add what the conversion computed of each sample to a hash."""
        digest.update(repr(self._fields).encode())
        digest.update(self._digests.tobytes())
        for name, moments in self._moments.items():
            digest.update(name.encode() + np.stack(moments).tobytes())


def _opened(folder, split):
    return tfds.builder_from_directory(folder).as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )


def _concatenated(files):
    parts = []
    for file in files:
        # numpy leaves a file that it opened itself open when the content is no archive.
        with open(file, "rb") as opened, np.load(opened) as index:
            parts.append(dict(index))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _width(shape):
    if shape[0] is not None:
        return tuple(shape)
    return shape[1] if len(shape) == 2 else None
