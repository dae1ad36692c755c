"""One sample on its way into the records: checked, cleaned, cut and counted."""

import hashlib
import json

import numpy as np

from kerasfuse.datasets.conversion.source import Sample
from kerasfuse.datasets.conversion.unreadable import Unreadable, of_sample
from kerasfuse.shown import shortened, shown

# Ids are stored in arrays, where each takes as much as the longest.
_LONGEST_ID = 1_000


class Piece:
    """A run of samples of one split, and what was found in them.

    Iterating checks each sample, cuts its padding and gives it. Afterwards `index()` holds what
    loading and reporting need to know of them.

    Args:
        source: `Source`.
        split: name of the split.
        first, stop: positions of the samples.
    """

    def __init__(self, source, split, first, stop):
        self._source, self.split, self._range = source, split, range(first, stop)
        self._ids, self._labels, self._digests, self._dropped = [], [], [], []
        self._lengths = {name: [] for name in source.fields}
        # Samples with zeros in front, behind; values cleaned; samples without the modality.
        self._counts = {name: np.zeros(4, int) for name in source.fields}
        self._clipped = 0
        self._notes, self._unreadable = [], []

    def __len__(self):
        return len(self._range)

    def __iter__(self):
        _, read = self._source.splits[self.split]
        for i in self._range:
            try:
                sample = read(i)
                _check_id(sample)
                label = self._label(sample)
                with of_sample(sample.id, label):
                    features = self._arrays(sample)
            except Unreadable as error:
                self._leave_out(error, i)
                continue
            features = {name: self._finite(sample, name, x) for name, x in features.items()}
            if label is None or not any(x is not None and x.any() for x in features.values()):
                self._drop(sample, "label" if label is None else "features")
                continue
            features = self._without_padding(sample, features)
            self._ids.append(sample.id)
            self._notes += sample.notes.items()
            self._labels.append(label)
            digest = hashlib.blake2b(digest_size=16)
            for name, x in features.items():
                self._lengths[name].append(len(x))
                digest.update(np.ascontiguousarray(x))
            self._digests.append(digest.hexdigest())
            yield Sample(sample.id, features, label, sample.place, sample.texts)

    def index(self):
        """Give what was found as a dict of arrays that `numpy.savez` takes."""
        return {
            "ids": np.array(self._ids, str),
            "labels": np.array(self._labels, "float32"),
            "digests": np.array(self._digests, "U32"),
            "dropped": np.array(self._dropped, str),
            "clipped": np.array(self._clipped),
            "notes": np.array(self._notes, str).reshape(-1, 2),
            "unreadable": np.array([json.dumps(one) for one in self._unreadable], str),
            **{f"lengths:{name}": np.array(x, int) for name, x in self._lengths.items()},
            **{f"counts:{name}": x for name, x in self._counts.items()},
        }

    def _leave_out(self, error, i):
        if self._source.unreadable != "skip":
            advice = ' Or leave such samples out with unreadable="skip".'
            error.args = (str(error) + advice * bool(self._source.unreadable),)
            raise error
        found = error.listed(self.split)
        self._unreadable.append(found | {"id": found["id"] or f"{self.split}[{i}]"})

    def _drop(self, sample, what):
        left_out = what == "features" and self._source.leaves_out_empty
        if not self._source.trusted and not left_out:
            raise ValueError(
                f"expected every sample to have features that are not all zeros. Received: sample "
                f"{shown(sample.id)} in {sample.place}, which has none. Leave it out."
            )
        self._dropped.append(f"{sample.id} (no {what})")

    def _label(self, sample):
        try:
            found = np.asarray(sample.label)
            # Labels that hold one number come in as many shapes as there are packagings.
            label = found.reshape(()) if found.size == 1 else found
            with np.errstate(over="ignore"):  # infinite, and so left out
                label = label.astype("float32")
        except (ValueError, TypeError, OverflowError):
            label = None
        if label is None or found.dtype.kind not in "fiub":
            raise ValueError(
                f"expected the label of sample {shown(sample.id)} in {sample.place} to be a number "
                f"or numbers. Received: {shown(sample.label)}. Write classes as 0, 1, 2, ..."
            )
        if label.shape != self._source.label_shape:
            raise ValueError(
                f"expected the label of sample {shown(sample.id)} in {sample.place} to be of shape "
                f"{self._source.label_shape}. Received: shape {label.shape}. Is this the file of "
                "another data set?"
            )
        low, high = self._source.label_range or (-np.inf, np.inf)
        if not np.isfinite(label).all():
            if self._source.trusted:
                return None
            raise ValueError(
                f"expected a finite label. Received: {label} for sample {shown(sample.id)} in "
                f"{sample.place}. Leave the sample out."
            )
        outside = (label < low) | (label > high)
        if outside.any():
            self._clipped += 1
            label = np.clip(label, low, high)
        return label

    def _arrays(self, sample):
        return {
            name: None if (x := sample.features[name]) is None else self._as_array(sample, name, x)
            for name in self._source.fields
        }

    def _finite(self, sample, name, x):
        if x is None or x.dtype.kind != "f" or np.isfinite(x).all():
            return x
        return self._cleaned(sample, name, x)

    def _without_padding(self, sample, features):
        """Cut the zero steps at both ends: of each sequence, or of those that share their steps."""
        aligned = [name for name in self._source.aligned if features[name] is not None]
        lengths = {name: len(features[name]) for name in aligned}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                "expected aligned modalities to have the same number of steps. Received: "
                f"{lengths} in sample {shown(sample.id)} in {sample.place}. Are these unaligned "
                "files?"
            )
        ends = {
            name: _ends(x)
            for name, x in features.items()
            if x is not None and self._source.fields[name].is_sequence
        }
        shared = [ends[name] for name in aligned if ends[name][1]]
        together = (min(a for a, _ in shared), max(b for _, b in shared)) if shared else (0, 0)
        cut = {}
        for name, x in features.items():
            field, counts = self._source.fields[name], self._counts[name]
            start, stop = together if name in self._source.aligned else ends.get(name, (0, 0))
            counts[3] += x is None or (field.is_sequence and not ends[name][1])
            if x is None:
                steps = [stop - start] if field.is_sequence else []
                x = np.zeros([*steps, *field.shape[len(steps) :]], field.dtype)
            elif field.is_sequence:
                if stop:
                    counts[0] += start > 0
                    counts[1] += stop < len(x)
                x = x[start:stop]
            cut[name] = x
        return cut

    def _as_array(self, sample, name, x):
        try:
            x = np.asarray(x)
        except (ValueError, TypeError, OverflowError):  # rows of different widths
            x = np.fromiter(x, object, len(x))
        field = self._source.fields[name]
        shape = field.shape
        fits = x.ndim == len(shape) and all(
            size in (None, found) for size, found in zip(shape, x.shape, strict=True)
        )
        if x.dtype.kind not in "fiub" or not fits:
            wanted = ", ".join("steps" if size is None else str(size) for size in shape)
            raise Unreadable(
                f"expected {name!r} of sample {shown(sample.id)} in {sample.place} to be numbers "
                f"of shape ({wanted}). Received: {_described(x)}. All samples must be equally "
                "wide: extract the features of this one again, or leave it out.",
                sample.place,
                "of another shape",
                f"{name!r}: {_described(x)}",
            )
        with np.errstate(over="ignore"):  # too large for float32: infinite, and so cleaned
            return x.astype(field.dtype, copy=False)

    def _cleaned(self, sample, name, x):
        wrong = ~np.isfinite(x)
        if not self._source.trusted:
            first = np.argwhere(wrong)[0].tolist()
            raise ValueError(
                f"expected finite features. Received: {np.isnan(x).sum()} NaN and "
                f"{np.isinf(x).sum()} infinite values in {name!r} of sample {shown(sample.id)} in "
                f"{sample.place}, the first at {first}. Repair them, or set them to 0 with "
                "clean=True."
            )
        self._counts[name][2] += wrong.sum()
        return np.where(wrong, x.dtype.type(0), x)


def _check_id(sample):
    try:
        # An array of texts would drop the last ones.
        fits = len(sample.id.encode("utf-8")) <= _LONGEST_ID and "\0" not in sample.id
    except UnicodeEncodeError:  # half of a character
        fits = False
    if not fits:
        raise ValueError(
            f"expected ids of at most {_LONGEST_ID:,} bytes of UTF-8, none of them 0. Received: "
            f"{shown(sample.id)} in {shortened(sample.place)}"
        )


def _ends(x):
    """Return the first step that is not zero, and the one behind the last; (0, 0) for none."""
    valid = (x.any(axis=1) if x.ndim == 2 else x != 0).nonzero()[0]
    return (int(valid[0]), int(valid[-1]) + 1) if len(valid) else (0, 0)


def _described(x):
    if x.dtype == object and x.ndim == 1 and len(x):
        widths = {_shape(row) for row in x.tolist()}
        if len(widths) > 1:
            return f"rows of {len(widths)} shapes, {', '.join(map(str, sorted(widths)[:3]))}"
    return f"dtype {x.dtype}, shape {x.shape}"


def _shape(row):
    try:
        return np.shape(row)
    except ValueError:  # a row of rows of different widths
        return (len(row),)
