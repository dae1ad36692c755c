"""Files of single samples that cannot be used: which, why, and how many are too many."""

import collections
import contextlib
import functools
import os
import pathlib
import textwrap

import numpy as np

from kerasfuse import plain_files

POLICIES = ("stop", "skip")
# Without a wish of the user, a data set of so many samples does not stop at one of them.
_SKIPPED_FROM = 1000
# Of a hundred. More is no bad luck but a wrong folder, or a download that broke off.
_MOST_SKIPPED = 5
_NAMED = 3
# Letters of what is particular to a file.
_DETAIL = 160


class Unreadable(ValueError):
    """A file that cannot be used for its sample.

    Args:
        message: the sentence for the user.
        file: the file.
        cause: in a word or two, the same for all files with this fault, such as `"truncated"`.
        detail: what is particular to this file.

    Attributes:
        sample, label: id and label of the sample, as far as they are known.
    """

    def __init__(self, message, file, cause, detail=""):
        super().__init__(message)
        self.file, self.cause, self.detail = str(file), cause, detail
        self.sample = self.label = None

    def listed(self, split):
        """Give what the report keeps, as values that JSON can hold."""
        cause = f"{self.cause} ({self.detail})" if self.detail else self.cause
        return {
            "split": split,
            "id": self.sample,
            "file": self.file,
            "cause": cause,
            "kind": self.cause,
            "label": self.label,
        }


def reads_one_file(function):
    """Make what is wrong with the file that a function reads, its first argument, `Unreadable`."""

    @functools.wraps(function)
    def reading(file, *args, **kwargs):
        try:
            plain_files.check(file)
            return function(file, *args, **kwargs)
        except Unreadable:
            raise
        except ValueError as error:
            detail = str(error).replace(str(file), pathlib.Path(file).name)
            detail = textwrap.shorten(detail, _DETAIL, placeholder=" ...")
            raise Unreadable(str(error), file, "cannot be read", detail) from error
        except OSError as error:
            raise Unreadable(
                f"expected a file that can be read. Received: {str(file)!r} ({_reason(error)}). "
                "Get the file again.",
                file,
                "cannot be read",
                _reason(error),
            ) from error

    return reading


def _reason(error):
    return os.strerror(error.errno) if error.errno else str(error)


@contextlib.contextmanager
def of_sample(name, label):
    """Note whose file it is that turns out to be unreadable.

    Args:
        name: id of the sample.
        label: its label.
    """
    try:
        yield
    except Unreadable as error:
        error.sample, error.label = name, np.asarray(label, float).tolist()
        raise


def first_readable(read, files):
    """Give what `read` makes of the first file that it can read.

    Args:
        read: function of a file.
        files: list of files, at least one.

    Raises:
        Unreadable: where it can read none; of the first file.
    """
    first = None
    for file in files:
        try:
            return read(file)
        except Unreadable as error:
            first = first or error
    raise first


def policy(wish, num_samples):
    """Return `"stop"` or `"skip"`: what the user wishes, or what fits the number of samples."""
    return wish or ("skip" if num_samples >= _SKIPPED_FROM else "stop")


def check_share(listed, seen, num_samples):
    """Refuse to leave out more than a few samples.

    Args:
        listed: what `Unreadable.listed` gave of the samples that are left out so far.
        seen: number of samples that were read so far.
        num_samples: number of all samples.

    Raises:
        ValueError: if more than 5 % of all samples are left out.
    """
    if 100 * len(listed) <= _MOST_SKIPPED * num_samples:
        return
    so_far = f"the first {seen:,} of " if seen < num_samples else ""
    raise ValueError(
        f"expected at most {_MOST_SKIPPED} % of the samples to be unusable. Received: "
        f"{len(listed):,} of {so_far}{num_samples:,} samples: {counts(listed)}. The first are "
        f"{some(listed)}. Get these files again."
    )


def check_splits_and_classes(labels, listed):
    """Refuse to leave out all samples of a split or of a class.

    Whole numbers from 0 are taken for classes. No class may vanish from all splits together, nor
    from `train`.

    Args:
        labels: dict of split to the labels of the samples that are kept, `(samples, ...)`.
        listed: what `Unreadable.listed` gave of the samples that are left out.

    Raises:
        ValueError: if nothing is left of one, with its first files.
    """
    for split in dict.fromkeys(one["split"] for one in listed):
        if not len(labels[split]):
            _refuse_to_lose(split, [one for one in listed if one["split"] == split])
    kept = np.concatenate([np.asarray(found).reshape(-1) for found in labels.values()])
    lost = [one["label"] for one in listed]
    classes = all(isinstance(x, float) and x >= 0 and x.is_integer() for x in lost)
    if not classes or not (kept == np.round(kept)).all():
        return
    for where, splits in (("", tuple(labels)), (" in train", ("train",))):
        there = {float(x) for split in splits for x in np.ravel(labels.get(split, []))}
        inside = [one for one in listed if one["split"] in splits]
        for label in sorted({one["label"] for one in inside} - there):
            of_class = [one for one in inside if one["label"] == label]
            _refuse_to_lose(f"label {label:g}{where}", of_class)


def _refuse_to_lose(what, listed):
    raise ValueError(
        "expected samples that can be used in every split and class. Received: "
        f"{what}, whose samples are all left out: {counts(listed)}. The first are "
        f"{some(listed)}. Get these files again."
    )


def counts(listed):
    """Write how many samples are left out by cause."""
    found = collections.Counter(one["kind"] for one in listed)
    return ", ".join(f"{kind} ({count:,})" for kind, count in found.most_common())


def some(listed):
    """Write the first samples that are left out."""
    return "; ".join(line(one) for one in listed[:_NAMED])


def line(one):
    """Write one sample that is left out: id, file and cause."""
    return f"{one['id']}, {one['file']}: {one['cause']}"
