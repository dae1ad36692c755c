"""Which of one's own samples are in which split, where the files do not say."""

import dataclasses

import numpy as np

from kerasfuse.datasets.own_data.partition import partition
from kerasfuse.nearest_names import nearest
from kerasfuse.shown import shown

ALL = "samples"  # the stored split of files that name none; "all" means something to TFDS
_SHARE = 0.15


@dataclasses.dataclass(frozen=True)
class Splits:
    """Say how samples are divided.

    Args:
        fold: number of the fold that is tested on, from 0.
        folds: how many folds; `None` for one division.
        validation: share that is split off for validation, `None` where the files have it.
        test: share that is split off for testing, likewise.
        seed: seed of the division.
    """

    fold: int | None = None
    folds: int | None = None
    validation: float | None = None
    test: float | None = None
    seed: int = 0

    def __post_init__(self):
        if self.folds is None and self.fold is not None:
            raise ValueError(f"expected folds beside fold. Received: fold={self.fold!r}")
        if self.folds is not None:
            if type(self.folds) is not int or self.folds < 3:
                raise ValueError(
                    "expected folds to be a whole number from 3: one is tested on, one validates, "
                    f"the others train. Received: folds={self.folds!r}"
                )
            if type(self.fold or 0) is not int or not 0 <= (self.fold or 0) < self.folds:
                raise ValueError(
                    f"expected fold to be a number from 0 to {self.folds - 1}. "
                    f"Received: fold={self.fold!r}"
                )
            if (self.validation, self.test) != (None, None):
                raise ValueError(
                    "expected folds, or validation and test. Received: both. Leave one out."
                )
        for name in ("validation", "test"):
            value = getattr(self, name)
            if value is not None and not (type(value) in (int, float) and 0 < value < 1):
                raise ValueError(
                    f"expected {name} to be a share above 0, below 1. Received: {name}={value!r}"
                )
        if (self.validation or 0) + (self.test or 0) >= 1:
            raise ValueError(
                "expected validation and test to leave samples to train on. "
                f"Received: validation={self.validation!r}, test={self.test!r}"
            )

    def stored(self, names):
        """Name the stored splits that are divided."""
        if self.folds is not None or ALL in names:
            return list(names)
        return ["train"]

    def divides(self, names):
        """Whether anything is to be divided, of files with these splits."""
        return ALL in names or self != Splits(seed=self.seed)

    def rows(self, split, names, labels, groups):
        """Return the positions of a split among the samples of `stored(names)`.

        Args:
            split: `"train"`, `"validation"` or `"test"`.
            names: the splits that the files have.
            labels: labels of these samples.
            groups: their groups, or `None`.
        """
        if self.folds is not None:
            if self.folds > len(labels):
                raise ValueError(
                    f"expected at most as many folds as samples, {len(labels):,}. "
                    f"Received: folds={self.folds}"
                )
            part = partition(labels, [1 / self.folds] * self.folds, groups, self.seed)
            test = self.fold or 0
            place = {"test": test, "validation": (test + 1) % self.folds}
            if split in place:
                return np.flatnonzero(part == place[split])
            return np.flatnonzero(~np.isin(part, list(place.values())))
        shares = {"validation": self.validation, "test": self.test}
        if ALL in names:
            shares = {name: share or _SHARE for name, share in shares.items()}
        shares = {name: share for name, share in shares.items() if share is not None}
        parts = ["train", *shares]
        part = partition(labels, [1 - sum(shares.values()), *shares.values()], groups, self.seed)
        return np.flatnonzero(part == parts.index(split))

    def from_division(self, split, names):
        """Whether a split is a part of what is divided, and not one of the files."""
        if self.folds is not None or ALL in names or split == "train":
            return True
        return getattr(self, split) is not None


def column_of(asides, name, ids, what):
    """Return the values of a column beside the features, one a sample.

    Args:
        asides: dict of column to dict of id to value.
        name: the column.
        ids: of the samples.
        what: the argument that names it.

    Raises:
        ValueError: for a column that is not there.
    """
    if not isinstance(name, str) or name not in asides:
        raise ValueError(
            f"expected {what} to name a column beside labels and features. Received: "
            f"{what}={shown(name)}. "
            f"{nearest(str(name), list(asides)) if asides else 'There is none.'}"
        )
    return [asides[name][one] for one in ids]
