"""Labels as they are written: numbers, or names of classes."""

import numpy as np

from kerasfuse.datasets.own_data.faults import refuse
from kerasfuse.shown import shown


def read_labels(columns, places):
    """Turn the cells of label columns into numbers.

    Cells that are no numbers are names of classes, which are numbered in their order.

    Args:
        columns: dict of column to its cells, all of one length: numbers or texts.
        places: where each row stands, for messages.

    Returns:
        Array `(rows, columns)` in float64, and the names of the classes, `None` for numbers.

    Raises:
        ValueError: for cells without a label, and for numbers among names: all of them counted, and
            the first three named.
    """
    total = len(places)
    numbers, names = {}, {}
    for column, cells in columns.items():
        texts = [_text(cell) for cell in cells]
        empty = [i for i, text in enumerate(texts) if text in ("", "nan", "None")]
        refuse(
            f"a label in every row of {column!r}",
            [places[i] for i in empty],
            total,
            "Fill them in, or remove these rows.",
        )
        numbers[column] = [_number(text) for text in texts]
        names[column] = [i for i, x in enumerate(numbers[column]) if x is None]
    wordy = [column for column, rows in names.items() if rows]
    if not wordy:
        return np.array([numbers[column] for column in columns], float).T.reshape(total, -1), None
    column = wordy[0]
    rows = names[column]
    if len(columns) > 1 or len(rows) < total:
        few, kind = (rows, "names") if 2 * len(rows) <= total else (_others(rows, total), "numbers")
        if len(columns) > 1:
            few, kind = rows, "names"
        refuse(
            f"labels of one kind in {column!r}, all of them numbers or all of them names of "
            "classes",
            [f"{shown(_text(columns[column][i]))} in {places[i]}" for i in few],
            total,
            f"These are {kind}, unlike the others: correct them"
            + (", or write each of several labels as a number." if len(columns) > 1 else "."),
        )
    texts = [_text(cell) for cell in columns[column]]
    found = sorted(set(texts))
    return np.array([[found.index(text)] for text in texts], float), tuple(found)


def in_classes(labels, names, classes, ids):
    """Number labels by given classes.

    Args:
        labels: `(samples, ...)` array, one a sample: positions in `names`, or numbers without.
        names: names of the classes of these labels, or `None`.
        classes: list of the names that are asked for.
        ids: of the samples, for messages.

    Raises:
        ValueError: for labels that are none of the classes, counted.
    """
    if not isinstance(classes, list | tuple):
        raise ValueError(
            f"expected classes to be a list of names or numbers. Received: classes={shown(classes)}"
        )
    values = np.asarray(labels).reshape(-1)
    if len(values) != len(ids):
        raise ValueError(
            "expected one label a sample, to be one of the classes. "
            f"Received: labels of shape {np.shape(labels)}"
        )
    written = [f"{x:g}" if names is None else names[int(x)] for x in values]
    place = {name: i for i, name in enumerate(classes)}
    refuse(
        f"labels to be one of the classes {', '.join(map(str, classes))}",
        [
            f"{name!r} of sample {one!r}"
            for name, one in zip(written, ids, strict=True)
            if name not in place
        ],
        len(ids),
        "Correct these, or leave them out.",
        "samples",
    )
    return np.array([place[name] for name in written], "float32")


def _text(cell):
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    return str(cell).strip()


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _others(rows, total):
    rows = set(rows)
    return [i for i in range(total) if i not in rows]
