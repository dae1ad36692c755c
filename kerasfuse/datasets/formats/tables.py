"""Tables, .csv or .parquet, that name the .npy files and OpenFace tables of each sample."""

import functools
import re

import numpy as np

from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.conversion.source import Field, Sample, Source
from kerasfuse.datasets.conversion.unreadable import (
    Unreadable,
    first_readable,
    of_sample,
    reads_one_file,
)
from kerasfuse.datasets.formats import numpy_files, openface
from kerasfuse.datasets.formats.text_files import read_rows
from kerasfuse.datasets.own_data.faults import refuse, some
from kerasfuse.datasets.own_data.labels import read_labels
from kerasfuse.datasets.own_data.splits import ALL
from kerasfuse.kinds import check_names
from kerasfuse.nearest_names import nearest
from kerasfuse.optional_packages import require
from kerasfuse.shown import shortened, shown

SPLITS = {
    "train": "train",
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    "test": "test",
}
# A cell that ends like this names a file; a number does not.
_FILE = re.compile(r"\.[A-Za-z]\w{0,9}$")
# What to do with files of other kinds that a table names.
_REMEDIES = {
    ".npz": "Save each of its arrays with numpy.save",
    **dict.fromkeys((".pt", ".pth"), "Save the tensor with numpy.save(file, tensor.numpy())"),
    **dict.fromkeys(
        (".wav", ".flac", ".mp3", ".mp4", ".avi", ".jpg", ".jpeg", ".png"),
        "Extract features from it, or read its values, and save them with numpy.save",
    ),
}


class Table:
    """Read rows that name the files of samples.

    Args:
        path: `.csv` or `.parquet`.
        label: name of the column of the label, or a list of several; by default `label`, or those
            that begin with `label_`. `False` for samples without labels.

    Attributes:
        class_names: names of the classes where labels are names, in their order.
        label_names: names of the label columns.
        asides: dict of column that names no files, such as a speaker, to dict of (split, id) to
            value.

    Raises:
        ImportError: for Parquet without pyarrow, of the extra `data`.
        ValueError: for a table without the columns that it needs, and for rows with unknown splits,
            labels that are missing or of two kinds, and ids that occur twice.
    """

    def __init__(self, path, label=None):
        self.path = path
        self._columns, self._rows = (
            _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
        )
        self._labels = self._label_columns(label)
        others = [n for n in self._columns if n not in ("id", "split", *self._labels)]
        self._names = [name for name in others if self._names_files(name)]
        if (not self._labels and label is not False) or not self._names:
            raise ValueError(
                "expected the columns 'label' and one a modality, with paths of files, and perhaps "
                "'split'. Received: "
                f"{str(path)!r} with {shortened(', '.join(map(repr, self._columns)))}"
            )
        self._splits = self._read_splits()
        self._check_ids()
        places = [f"{self._place(number)}, sample {self._id(number)!r}" for number in self._all]
        cells = {name: [row[name] for row in self._rows] for name in self._labels}
        self._values, self.class_names = (
            read_labels(cells, places) if cells else (np.zeros((len(self), 1)), None)
        )
        self.label_names = tuple(name.removeprefix("label_") for name in self._labels)
        self.asides = {
            name: {
                (self._splits[number], self._id(number)): self._rows[number][name]
                for number in self._all
            }
            for name in others
            if name not in self._names
        }

    def __len__(self):
        return len(self._rows)

    @property
    def _all(self):
        return range(len(self._rows))

    def files(self):
        """Give `(file, None)` of the table and all files that it names."""
        named = [self._file(row, name) for row in self._rows for name in self._names]
        return [(self.path, None), *((file, None) for file in named if file)]

    def check_files(self):
        """Refuse a table that names files that are not there."""
        for name in self._names:
            missing = [
                f"{str(file)!r} in {self._place(number)}, sample {self._id(number)!r}"
                for number in self._all
                if (file := self._file(self._rows[number], name)) and not file.is_file()
            ]
            if missing:
                raise FileNotFoundError(
                    f"expected the files that the column {name!r} names. Received: "
                    f"{some(missing, len(self))}. They are not there: correct the paths, or leave "
                    "the cells empty where the modality is absent."
                )

    def source(self, files, config, clean):
        """Give the `Source` of all rows."""
        fields = {}
        for name in self._names:
            named = [file for row in self._rows if (file := self._file(row, name))]
            fields[name] = first_readable(functools.partial(_field_of_file, name=name), named)
        splits = {}
        for split in dict.fromkeys([*SPLITS.values(), ALL]):
            numbers = [number for number in self._all if self._splits[number] == split]
            if numbers:
                splits[split] = (len(numbers), lambda i, numbers=numbers: self._sample(numbers[i]))
        shape = () if len(self._labels) < 2 else (len(self._labels),)
        notes = [f"columns beside the features: {', '.join(self.asides)}."] if self.asides else []
        return Source(
            config,
            fields,
            splits,
            label_shape=shape,
            trusted=clean,
            facts={"clean": clean},
            notes=notes,
            leaves_out_empty=True,
        )

    def _label_columns(self, label):
        if label is False:
            return []
        if label is None:
            return [n for n in self._columns if n == "label" or n.startswith("label_")]
        wanted = [label] if isinstance(label, str) else label
        check_names("label", wanted)
        if unknown := [name for name in wanted if name not in self._columns]:
            raise ValueError(
                f"expected label to name columns of {str(self.path)!r}. Received: {unknown[0]!r}. "
                f"{nearest(unknown[0], self._columns)}"
            )
        return wanted

    def _names_files(self, name):
        return any(_FILE.search(str(row[name])) for row in self._rows if row[name] is not None)

    def _read_splits(self):
        if "split" not in self._columns:
            return [ALL] * len(self)
        wrong = [
            f"{row['split']!r} in {self._place(number)}"
            for number, row in enumerate(self._rows)
            if str(row["split"]).lower() not in SPLITS
        ]
        refuse(
            "split to be train, validation or test",
            wrong,
            len(self),
            "Correct these, or remove the column: samples are then divided by themselves.",
        )
        return [SPLITS[str(row["split"]).lower()] for row in self._rows]

    def _check_ids(self):
        seen, twice = {}, []
        for number in self._all:
            key = (self._splits[number], self._id(number))
            if key in seen:
                twice.append(f"{key[1]!r} in {self._place(number)} and {self._place(seen[key])}")
            else:
                seen[key] = number
        refuse(
            "one row an id",
            twice,
            len(self),
            "Remove these rows, or give them ids of their own.",
        )

    def _sample(self, number):
        row = self._rows[number]
        files = {name: self._file(row, name) for name in self._names}
        features, notes = dict.fromkeys(files), {}
        label = self._label(number)
        with of_sample(self._id(number), label):
            for name, file in files.items():
                if file:
                    x, found = _load_array(file, name)
                    features[name] = np.atleast_2d(x)
                    notes |= found
        return Sample(
            id=self._id(number),
            features=features,
            label=label,
            place=f"{self._place(number)} ({', '.join(str(f) for f in files.values() if f)})",
            notes=notes,
        )

    def _label(self, number):
        values = self._values[number]
        return values if len(values) > 1 else values[0]

    def _id(self, number):
        name = self._rows[number].get("id")
        return str(number) if name in (None, "") else str(name)

    def _file(self, row, name):
        return self.path.parent / str(row[name]) if row[name] not in (None, "") else None

    def _place(self, number):
        # Line 1 of a csv holds the names.
        return (
            f"{self.path}, line {number + 2}"
            if self.path.suffix == ".csv"
            else (f"{self.path}, row {number}")
        )


def _read_csv(path):
    names, *rows = [row for row in read_rows(path) if row] or [[]]
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ValueError(
                f"expected {len(names)} cells a line. Received: another number in line {number} of "
                f"{str(path)!r}"
            )
    _check_names(names, path)
    return names, [dict(zip(names, row, strict=True)) for row in rows]


def _check_names(names, path):
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(
            f"expected every column once. Received: {shown(twice[0])} twice in {str(path)!r}. "
            "Remove one, or give it another name."
        )


def _read_parquet(path):
    parquet = require("pyarrow.parquet", "tables in Parquet", "data", package="pyarrow")
    try:
        table = parquet.read_table(path)
        names, rows = table.column_names, table.to_pylist()
    except Exception as error:  # a damaged table can raise almost anything
        source_files.check_content(path)
        raise ValueError(
            f"expected a Parquet table. Received: {str(path)!r} ({shortened(str(error))})"
        ) from error
    _check_names(names, path)
    return names, rows


def _field_of_file(file, name):
    x, _ = _load_array(file, name)
    return field_of(np.atleast_2d(x).shape, x.dtype, name, file)


@reads_one_file
def _load_array(file, name):
    """Give the array of a file, and notes for `Sample`."""
    if file.suffix.lower() == ".csv":
        return openface.read_units(file)
    source_files.check_content(file)
    try:
        x = numpy_files.load_array(file)
    except ValueError as error:
        problem = shortened(str(error))
    else:
        if x.size:
            return x, {}
        raise Unreadable(
            f"expected an array with steps for {name!r}. Received: {str(file)!r} of shape "
            f"{x.shape}, which has none. Extract the features again, or leave the cell empty "
            "where the modality is absent.",
            file,
            "under one frame",
            f"shape {x.shape}",
        )
    remedy = _REMEDIES.get(file.suffix.lower())
    received = f"a {file.suffix} file" if remedy else f"which cannot be read ({problem})"
    raise Unreadable(
        f"expected a .npy file with an array of numbers for {name!r}. Received: {str(file)!r}, "
        f"{received}. {remedy or 'Save it with numpy.save'}.",
        file,
        "cannot be read",
        received.removeprefix("which cannot be read ").strip("()"),
    )


def field_of(shape, dtype, name, file):
    """Give the field of samples of this shape: a sequence, a vector as one step, or an image."""
    named = name.isprintable() and "/" not in name
    if dtype.kind not in "fiub" or not 1 <= len(shape) <= 3 or not named:
        raise ValueError(
            f"expected {name!r} to hold numbers of shape (steps, width), (width,) or (height, "
            "width, channels), and no '/' or control characters in the name. Received: "
            f"{str(file)!r} with dtype {dtype}, shape {shape} a sample"
        )
    return Field(tuple(shape) if len(shape) == 3 else (None, shape[-1]))
