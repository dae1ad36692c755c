"""What labels ask for: numbers, classes, or labels that are present or not."""

import dataclasses

import numpy as np

from kerasfuse import datasets
from kerasfuse.nearest_names import choose

KINDS = ("number", "numbers", "binary", "classes", "multilabel", "sentiment", "emotions")
# More different whole numbers than this are no classes, nor are as many as half of the samples.
_MOST_CLASSES = 20
# Data sets whose ratings around 0 have metrics of their own.
_SENTIMENT = {
    "mosi": "mosi",
    "mosei": "mosei",
    "mosi_utterance": "mosi",
    "mosi_words": "mosi",
    "sims": "sims",
}


@dataclasses.dataclass(frozen=True)
class Task:
    """Say what the labels of a data set ask for.

    Args:
        kind: one of `KINDS`.
        names: of the numbers, classes or labels.
        metrics: family of metrics, by default that of the kind.
    """

    kind: str
    names: tuple[str, ...]
    metrics: str = ""

    @property
    def num_outputs(self):
        return 1 if self.kind in ("number", "binary", "sentiment") else len(self.names)

    @property
    def scales_labels(self):
        """Whether outputs are numbers in the labels' units."""
        return self.kind in ("number", "numbers", "sentiment")

    def settings(self):
        """Return what a recipe says of it: loss, metrics, targets, score and monitor."""
        found = {
            "number": ("mae", "regression", "mae"),
            "numbers": ("mae", "regression", "mean_mae"),
            "binary": ("binary_crossentropy", "binary", "accuracy"),
            "classes": ("sparse_categorical_crossentropy", "classes", "accuracy"),
            "multilabel": ("binary_crossentropy", "multilabel", "mean_f1"),
            "sentiment": ("mae", self.metrics, "mae"),
            "emotions": ("binary_crossentropy", "mosei_emotions", "mean_wacc"),
        }[self.kind]
        settings = dict(zip(("loss", "metrics", "score"), found, strict=True))
        if self.kind in ("numbers", "classes", "multilabel"):
            settings["targets"] = list(self.names)
        if self.kind == "classes" and self.metrics:
            settings |= {"metrics": self.metrics, "targets": []}
        return {**settings, "monitor": "val_loss"}

    def described(self, labels):
        """Write it in a few words, with counts.

        Args:
            labels: of all splits together, `(samples, ...)`.
        """
        values = labels.reshape(len(labels), -1)
        if self.kind in ("number", "sentiment"):
            return f"a number from {values.min():g} to {values.max():g}"
        if self.kind == "numbers":
            return f"{len(self.names)} numbers ({', '.join(self.names)})"
        if self.kind in ("multilabel", "emotions"):
            counts = values.sum(axis=0).astype(int)
            told = (f"{name} {count:,}" for name, count in zip(self.names, counts, strict=True))
            return f"{len(self.names)} labels that are present or not ({', '.join(told)})"
        counts = np.bincount(values[:, 0].astype(int), minlength=len(self.names))
        told = (f"{name} {count:,}" for name, count in zip(self.names, counts, strict=True))
        return f"{len(self.names)} classes ({', '.join(told)})"


def task_of(data_name, splits, kind=None):
    """Read the task from labels.

    One column of 0 and 1 is binary, names and few whole numbers are classes, other numbers are
    numbers; several columns of 0 and 1 are labels, others numbers. Data sets that have metrics of
    their own keep them.

    Args:
        data_name: name of the data set.
        splits: dict of split to `Batches`.
        kind: one of `KINDS` that the user asks for, `None` for what the labels look like.

    Returns:
        A `Task`.

    Raises:
        ValueError: for a kind that labels of this shape cannot be.
    """
    first = next(iter(splits.values()))
    labels = np.concatenate([data.labels for data in splits.values()])
    columns = labels.reshape(len(labels), -1)
    count = columns.shape[1]
    names = first.label_names
    whole = bool((columns == np.round(columns)).all())
    presences = whole and bool(np.isin(columns, (0, 1)).all())
    if kind is None:
        kind = _kind(data_name, columns, whole, presences, names)
    else:
        choose("task", kind, KINDS)
        _check_kind(kind, count, whole, presences)
    if kind in ("numbers", "multilabel"):
        names = names if names and len(names) == count else tuple(map(str, range(count)))
        return Task(kind, tuple(map(str, names)))
    if kind == "emotions":
        return Task(kind, ("happy", "sad", "anger", "surprise", "disgust", "fear"))
    if kind == "binary":
        return Task(kind, ("0", "1"))
    if kind == "sentiment":
        metrics = _SENTIMENT.get(data_name, "mosi")
        return Task(kind, ("score",), metrics)
    if kind == "classes":
        if classes := datasets.num_classes(data_name):
            known = datasets.class_names(data_name) or tuple(map(str, range(classes)))
            return Task(kind, known, data_name)
        if names is None:
            names = tuple(f"{value:g}" for value in np.unique(columns))
        return Task(kind, tuple(map(str, names)))
    return Task(kind, ("score",))


def _kind(data_name, columns, whole, presences, names):
    count = columns.shape[1]
    if data_name == "iemocap":
        raise ValueError(
            "expected labels of one kind. Received: iemocap, whose four emotions are pairs of "
            "classes. Train one of its entries: kerasfuse list --data iemocap."
        )
    if count > 1:
        return ("emotions" if data_name == "mosei" else "multilabel") if presences else "numbers"
    if datasets.num_classes(data_name):
        return "classes"
    if names is not None and len(names) > 1:
        return "classes"
    different = np.unique(columns)
    if presences and len(different) == 2:
        return "binary"
    if data_name in _SENTIMENT or data_name == "simulated":
        return "sentiment"
    few = len(different) <= min(_MOST_CLASSES, len(columns) / 2)
    return "classes" if whole and few and len(different) > 1 else "number"


def _check_kind(kind, count, whole, presences):
    wanted = {
        "number": (count == 1, "one number a sample"),
        "sentiment": (count == 1, "one number a sample"),
        "numbers": (True, ""),
        "binary": (count == 1 and presences, "0 and 1"),
        "classes": (count == 1 and whole, "one whole number or name a sample"),
        "multilabel": (presences, "columns of 0 and 1"),
        "emotions": (count == 6 and presences, "six columns of 0 and 1"),
    }[kind]
    if not wanted[0]:
        raise ValueError(
            f"expected labels that are {wanted[1]}, as task={kind!r} says. "
            f"Received: {count} {'whole ' * whole}numbers a sample."
        )
