"""What is told of labels and groups before anything is trained on them."""

import warnings

import numpy as np

from kerasfuse.datasets.own_data.faults import some

# Columns by these names are people or recordings, which should not be in two splits.
_GROUPS = ("speaker", "subject", "participant", "person", "actor", "user", "patient", "video")


class DataWarning(UserWarning):
    """Something about the data makes scores say less than they seem to."""


def check_task(task, splits, group=None):
    """Refuse labels that nothing can be learnt from, and warn of what makes scores doubtful.

    Args:
        task: the `Task`.
        splits: dict of split to `Batches`.
        group: the column that divides the samples, if any.

    Raises:
        ValueError: for training labels that are all alike, and classes without a training sample.

    Warns:
        DataWarning: of classes that are missing from another split or have one sample, and of
            speakers, say, in two splits.
    """
    _check_constant(task, splits["train"].labels)
    if task.kind in ("binary", "classes", "multilabel", "emotions"):
        _check_classes(task, splits)
    for column in _shared_columns(splits, group):
        _warn_of_shared(column, splits, group)


def _check_constant(task, labels):
    columns = labels.reshape(len(labels), -1)
    constant = np.flatnonzero(columns.min(axis=0) == columns.max(axis=0))
    if not len(constant):
        return
    if len(columns[0]) == 1:
        raise ValueError(
            "expected training labels that differ. Received: "
            f"{columns[0, 0]:g} for all {len(columns):,} samples. There is nothing to learn."
        )
    told = [f"{task.names[i]!r} is {columns[0, i]:g}" for i in constant]
    raise ValueError(
        "expected labels that differ in training. Received: "
        f"{some(told, len(columns[0]), 'columns')} for all samples. Leave such columns out."
    )


def _check_classes(task, splits):
    counts = {}
    for split, data in splits.items():
        columns = data.labels.reshape(len(data.labels), -1)
        if columns.shape[1] > 1:
            counts[split] = columns.sum(axis=0).astype(int)
        else:
            counts[split] = np.bincount(columns[:, 0].astype(int), minlength=len(task.names))
    missing = {
        split: [task.names[i] for i in np.flatnonzero(found == 0)]
        for split, found in counts.items()
    }
    if unseen := [repr(name) for name in missing["train"]]:
        raise ValueError(
            "expected training samples of every class. Received: none of "
            f"{some(unseen, len(task.names), 'classes')}. Move some of theirs to train, or leave "
            "these classes out."
        )
    for split, names in missing.items():
        if names:
            warnings.warn(
                f"{split} has no sample of {some(names, len(task.names), 'classes')}: its scores "
                "say nothing of them.",
                DataWarning,
                stacklevel=2,
            )
    total = sum(counts.values())
    alone = [task.names[i] for i in np.flatnonzero(total == 1)]
    if alone:
        warnings.warn(
            f"with a single sample each: {some(alone, len(task.names), 'classes')}. What is in one "
            "split cannot be both learnt and tested.",
            DataWarning,
            stacklevel=2,
        )


def _shared_columns(splits, group):
    columns = next(iter(splits.values())).columns
    if group is not None:
        return [group] if group in columns else []
    return [name for name in columns if name.lower().removesuffix("_id") in _GROUPS]


def _warn_of_shared(column, splits, group):
    where = {}
    for split, data in splits.items():
        for value in data.columns.get(column, ()):
            where.setdefault(value, set()).add(split)
    shared = [str(value) for value, found in where.items() if len(found) > 1]
    if shared:
        advice = f" --folds 5 --group {column} divides the samples by it."
        warnings.warn(
            f"expected each {column} in one split. Received: {some(shared, len(where), 'of them')} "
            f"in two or more: scores are of people that training has seen.{advice}",
            DataWarning,
            stacklevel=2,
        )
