"""The data set `own`: your own data, without a line of code.

Other data sets have a name and a format that their authors chose. This one reads arrays that you
saved yourself, from a folder of .npz files, one a split, or from a table that names .npy files.
"""

import contextlib
import dataclasses
import functools
import hashlib

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Sample, Source
from kerasfuse.datasets.conversion.unreadable import policy
from kerasfuse.datasets.formats import npz_rows
from kerasfuse.datasets.formats.tables import SPLITS, Table, field_of
from kerasfuse.datasets.own_data.faults import refuse
from kerasfuse.datasets.own_data.labels import in_classes, read_labels
from kerasfuse.datasets.own_data.splits import ALL, Splits, column_of
from kerasfuse.datasets.registry import register
from kerasfuse.kinds import check_names
from kerasfuse.shown import shortened

_TABLES = (".csv", ".parquet")
# The table in the folder that `kerasfuse extract` writes.
_EXTRACTED = "samples.csv"
_NO_FEATURES = ("labels", "ids")


@register
def own(
    split,
    data_dir=None,
    *,
    label=None,
    classes=None,
    columns=None,
    fold=None,
    folds=None,
    validation=None,
    test=None,
    group=None,
    weight=None,
    aligned=(),
    clean=False,
    unreadable=None,
):
    """Load your own data from files, of any size and with any modalities.

    `data_dir` is one of three things, or a folder that `kerasfuse extract` wrote.

    - A folder with `train.npz`, `validation.npz` and `test.npz`, as many of them as there are. Each
      holds `labels` `(samples, ...)`, perhaps `ids`, and an array a modality: sequences `(samples,
      steps, width)` with zeros as padding on either side, vectors `(samples, width)`, or images
      `(samples, height, width, channels)`. Arrays `(samples,)` are columns such as a speaker.
    - One such file, whose samples are then divided.
    - A table, `.csv` or `.parquet`, with a row a sample and the columns `label` (a number, or the
      name of a class; or `label_1`, `label_2`, ... for several numbers), perhaps `id`, perhaps
      `split` (train, validation or test), and a column a modality, named after it, with the path of
      a file, relative to the table: a `.npy` file, `(steps, width)`, `(width,)` or `(height, width,
      channels)`, or a `.csv` of OpenFace, of which the action units are read. An empty cell is an
      absent modality. Other columns, such as a speaker, may be named in `group` and `weight`.

    Without splits in the files, samples are divided: 70, 15 and 15 per cent, or `folds`. A division
    depends on the samples and on nothing else, is alike in labels, and keeps groups together. A
    sample without any features is left out, and listed in the report.

    On the first load the files are converted into records, so that any size is read in little
    memory, and again when a file has changed.

    Args:
        split: `"train"`, `"validation"` or `"test"`, or `"everything"`.
        data_dir: the folder, the file, or the table.
        label: of a table, the column of the label, or a list of several; `False` for samples
            without labels, such as those to predict.
        classes: names of the classes, in the order of their numbers. Labels that are numbers go by
            the names `"1"`, `"2.5"` and so on. By default names are sorted, and numbers are no
            classes.
        columns: names of the modalities that are read; all by default.
        fold: number of the fold that is tested on, from 0, the default. The next one validates, and
            the others train.
        folds: how many folds the samples are divided into, 3 or more, whatever splits the files
            have.
        validation: share of the samples that is split off for validation. Of files with splits, it
            is taken from `train`.
        test: share for testing, likewise.
        group: column whose samples stay together in a division, such as the speaker.
        weight: column of how often a sample counts in training.
        aligned: names of the modalities that share their steps, such as words and their sounds, or
            `True` for all sequences: step i of one stays beside step i of the others.
        clean: set features that are not finite to 0 and leave out samples with a label that is not
            finite, counting all of it, in place of refusing them.
        unreadable: of a table, what to do at a row with a file that is missing, cannot be read, has
            no steps, or has another width than the first: `"stop"`, or `"skip"`, which leaves the
            sample out and lists it in the report. By default `"skip"` from 1,000 rows on. If more
            than 5 % of the samples are left out, or all of a split or class, it stops all the same.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: for a folder without such files, and for a file that the table names.
        ValueError: for arrays, labels and ids that do not fit, with the file, sample and field, for
            `unreadable` without a table, and for groups and weights that no column has.

    Example:

    >>> train = kerasfuse.datasets.load("own", data_dir="samples.csv")
    """
    splits = Splits(fold, folds, validation, test)
    if not isinstance(aligned, bool):
        check_names("aligned", aligned)
        aligned = list(aligned) or False
    place = source_files.folder(data_dir)
    if (place / _EXTRACTED).is_file() and not any(place.glob("*.npz")):
        place /= _EXTRACTED
    table = None
    if place.is_file() and place.suffix.lower() in _TABLES:
        table = Table(place, label)
        files, read = table.files(), table.source
    elif unreadable is not None or label not in (None, False):
        option = "label" if unreadable is None else "unreadable"
        raise ValueError(
            f"expected {option} of a table, whose samples have files of their own. Received: "
            f"{option}={(label if unreadable is None else unreadable)!r} and {str(place)!r}. Leave "
            "it out."
        )
    else:
        files = _npz_files(place)
        read = functools.partial(_read_npz, labelled=label is not False)
    config = f"{place.stem}-{hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:8]}"
    wanted = {"clean": clean, "aligned": aligned}
    if label is not None:
        wanted["label"] = label
        config += f"-{hashlib.sha256(repr(label).encode()).hexdigest()[:8]}"
    names = "" if isinstance(aligned, bool) else "-".join(["", *aligned])
    config += f"-aligned{names}" * bool(aligned) + "-clean" * clean

    def source(bars):
        if table and policy(unreadable, len(table)) == "stop":
            table.check_files()  # at once, not after an hour
        found = read(files, config, clean)
        return dataclasses.replace(
            found,
            aligned=_aligned_fields(found.fields, aligned),
            facts={**wanted, "targets": found.facts.get("targets")},
        )

    def known(facts):
        return {key: x for key, x in facts["facts"].items() if key != "targets"} == wanted

    folder, facts = conversion.prepared(
        Own,
        [file for file, _ in files],
        source,
        known,
        own_files=table is not None,
        unreadable=unreadable,
    )
    stored = list(facts["report"]["samples"])
    targets = table.class_names if table else facts["facts"].get("targets")
    if table and targets is None and len(table.label_names) > 1:
        targets = table.label_names
    asides = functools.partial(_asides, table, files)
    records = _records(folder, facts, split, splits, stored, group, asides)
    records.choose(columns)
    labels = np.asarray(records.labels)
    if classes is not None:
        labels, targets = in_classes(labels, targets, classes, records.ids), classes
    columns_beside = {}
    if table is not None or group is not None or weight is not None:
        columns_beside = _beside(records, asides())
        for what, name in (("group", group), ("weight", weight)):
            if name is not None:
                column_of(columns_beside, name, (), what)
    weights = None
    if weight is not None and split == "train":
        weights = _weights(columns_beside, weight, records.ids)
    return records.arguments() | {
        "labels": None if label is False else labels,
        "label_names": targets,
        "sample_weight": weights,
        "columns": columns_beside,
    }


def _records(folder, facts, split, splits, stored, group, asides):
    """Give the records of one split, divided where the files say nothing of it."""
    counts = facts["report"]["samples"]
    whole = split == "everything"
    divides = not whole and splits.divides(stored) and splits.from_division(split, stored)
    parts = stored if whole else splits.stored(stored) if divides else [split]
    records = Records(folder, "+".join(parts))
    # Ids need not differ between splits.
    records.keys = [
        (name, one)
        for name, one in zip(
            [name for name in parts for _ in range(counts[name])], records.ids, strict=True
        )
    ]
    if divides:
        groups = None
        if group is not None:
            groups = column_of(asides(), group, records.keys, "group")
        rows = splits.rows(split, stored, np.asarray(records.labels), groups)
        records.keep(rows)
        records.keys = [records.keys[row] for row in rows]
    return records


def _beside(records, asides):
    return {name: [found[key] for key in records.keys] for name, found in asides.items()}


def _weights(columns, weight, ids):
    values = columns[weight]
    try:
        weights = np.array([float(value) for value in values], "float32")
    except (TypeError, ValueError):
        weights = np.array([np.nan], "float32")
    wrong = [i for i, x in enumerate(weights) if not 0 <= x < np.inf]
    refuse(
        f"weights from 0 in the column {weight!r}",
        [f"{values[i]!r} of sample {ids[i]!r}" for i in wrong],
        len(values),
        "Correct these, 1 for an ordinary sample.",
        "samples",
    )
    return weights


def _asides(table, files):
    """Give the columns beside the features: name -> (split, id) -> value."""
    if table is not None:
        return table.asides
    found = {}
    for file, split in files:
        arrays = _open_arrays(file)
        names = [n for n, x in arrays.items() if n not in _NO_FEATURES and x.ndim == 1]
        columns = {name: _whole(file, arrays[name]) for name in names}
        count = len(next(iter(arrays.values())))
        ids = [f"{split}/{i}" for i in range(count)]
        if "ids" in arrays:
            ids = _whole(file, arrays["ids"])
        for name, values in columns.items():
            found.setdefault(name, {}).update(
                {(split, str(i)): x for i, x in zip(ids, values.tolist(), strict=True)}
            )
    return found


def _aligned_fields(fields, aligned):
    sequences = [name for name, field in fields.items() if field.is_sequence]
    names = (sequences if aligned else []) if isinstance(aligned, bool) else aligned
    if isinstance(aligned, str) or not set(names) <= set(sequences):
        raise ValueError(
            f"expected aligned to be True or names among the sequences {sequences}. "
            f"Received: aligned={aligned!r}"
        )
    return tuple(names)


class Own(Builder):
    """Samples from your own files."""


def _npz_files(folder):
    """Give `(file, split)` of a folder, or of one file."""
    if folder.is_file() and folder.suffix == ".npz":
        return [(folder, ALL)]
    found = {}
    for name, split in SPLITS.items():
        file = folder / f"{name}.npz"
        if file.is_file():
            if split in found:
                raise ValueError(
                    f"expected one file a split. Received: {found[split]} and {file}. Remove one."
                )
            found[split] = file
    if not found:
        raise FileNotFoundError(
            "expected a folder with train.npz, validation.npz and test.npz, one .npz file, or a "
            "table (.csv or .parquet) that names .npy files, in data_dir=... "
            f"Received: {str(folder)!r}"
        )
    return [(file, split) for split, file in found.items()]


def _read_npz(files, config, clean, labelled=True):
    contents, fields = {}, {}
    for file, split in files:
        arrays = _open_arrays(file)
        if not labelled and arrays:
            arrays["labels"] = np.zeros(len(next(iter(arrays.values()))))
        if "labels" not in arrays:
            raise ValueError(
                f"expected 'labels' and an array a modality. Received: {str(file)!r} with "
                f"{', '.join(arrays)}"
            )
        counts = {name: len(x) if x.ndim else 0 for name, x in arrays.items()}
        if len(set(counts.values())) > 1 or len(counts) < 2:
            raise ValueError(
                f"expected 'labels' and modalities with as many samples. Received: {str(file)!r} "
                f"with {counts}"
            )
        labels = arrays.pop("labels")
        labels = _whole(file, labels) if labelled else labels
        ids = _whole(file, arrays.pop("ids")) if "ids" in arrays else None
        arrays = {name: x for name, x in arrays.items() if x.ndim > 1 or not len(x)}
        found = {name: field_of(x.shape[1:], x.dtype, name, file) for name, x in arrays.items()}
        if fields and found != fields:
            raise ValueError(
                f"expected the modalities of {str(files[0][0])!r}: {_shown(fields)}. Received: "
                f"{str(file)!r} with {_shown(found)}"
            )
        fields = found
        contents[split] = (file, arrays, labels, ids)
    labels, names = _numbered({split: found[2] for split, found in contents.items()}, contents)
    splits = {
        split: (len(labels[split]), _NpzReader(file, split, arrays, labels[split], ids))
        for split, (file, arrays, _, ids) in contents.items()
    }
    shapes = [x.shape[1:] for x in labels.values()]
    return Source(
        config,
        fields,
        splits,
        label_shape=_label_shape(shapes[-1]),
        trusted=clean,
        facts={"clean": clean, "targets": names},
        leaves_out_empty=True,
    )


def _numbered(labels, contents):
    """Number labels that are names of classes, of all splits together."""
    if not any(x.dtype.kind in "USO" for x in labels.values()):
        return labels, None
    places = [f"{contents[split][0]}[{i}]" for split, x in labels.items() for i in range(len(x))]
    cells = np.concatenate([x.astype(str).reshape(len(x), -1) for x in labels.values()])
    columns = {f"labels[{i}]" if cells.shape[1] > 1 else "labels": x for i, x in enumerate(cells.T)}
    values, names = read_labels(columns, places)
    found, start = {}, 0
    for split, x in labels.items():
        found[split] = values[start : start + len(x)].reshape(x.shape)
        start += len(x)
    return found, names and list(names)


@contextlib.contextmanager
def _of_arrays(file):
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"expected arrays of numbers. Received: {str(file)!r}, which cannot be read "
            f"({shortened(str(error))}). Save it with numpy.savez, sequences of different lengths "
            "padded with zeros."
        ) from error


def _open_arrays(file):
    with _of_arrays(file):
        return npz_rows.open_arrays(file)


def _whole(file, rows):
    with _of_arrays(file):
        return rows.read()


class _NpzReader:
    def __init__(self, file, split, arrays, labels, ids):
        self._file, self._split, self._arrays = file, split, arrays
        self._labels, self._ids = labels, ids

    def __call__(self, i):
        with _of_arrays(self._file):
            features = {name: np.atleast_2d(x[i]) for name, x in self._arrays.items()}
        return Sample(
            id=f"{self._split}/{i}" if self._ids is None else str(self._ids[i]),
            features=features,
            label=self._labels[i],
            place=f"{self._file}[{i}]",
        )


def _label_shape(shape):
    return () if np.prod(shape) == 1 else tuple(shape)


def _shown(fields):
    return ", ".join(f"{name} {field.shape}" for name, field in fields.items())
