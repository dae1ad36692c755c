"""Tables, .csv or .parquet, that name the .npy files and OpenFace tables of each sample."""

import functools

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
from kerasfuse.optional_packages import require
from kerasfuse.shown import shortened, shown

SPLITS = {
    "train": "train",
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    "test": "test",
}
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

    Raises:
        ImportError: for Parquet without pyarrow, of the extra `data`.
        ValueError: for a table without the columns that it needs.
    """

    def __init__(self, path):
        self.path = path
        self._columns, self._rows = (
            _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
        )
        self._labels = [n for n in self._columns if n == "label" or n.startswith("label_")]
        self._names = [n for n in self._columns if n not in ("id", "split", *self._labels)]
        if "split" not in self._columns or not self._labels or not self._names:
            raise ValueError(
                "expected the columns 'split', 'label' and one a modality. Received: "
                f"{str(path)!r} with {shortened(', '.join(map(repr, self._columns)))}"
            )
        for number, row in enumerate(self._rows):
            if str(row["split"]).lower() not in SPLITS:
                raise ValueError(
                    f"expected split to be train, validation or test. Received: "
                    f"{shown(row['split'])} in {self._place(number)}"
                )

    def __len__(self):
        return len(self._rows)

    def files(self):
        """Give `(file, None)` of the table and all files that it names."""
        named = [self._file(row, name) for row in self._rows for name in self._names]
        return [(self.path, None), *((file, None) for file in named if file)]

    def check_files(self):
        """Refuse a table that names files that are not there."""
        for number, row in enumerate(self._rows):
            for name in self._names:
                file = self._file(row, name)
                if file and not file.is_file():
                    raise FileNotFoundError(
                        f"expected the file of {name!r} in {self._place(number)} of sample "
                        f"{self._id(number)!r}. Received: {str(file)!r}, which is not there. "
                        "Correct the path, or leave the cell empty where the modality is absent."
                    )

    def source(self, files, config, clean):
        """Give the `Source` of all rows."""
        fields = {}
        for name in self._names:
            named = [file for row in self._rows if (file := self._file(row, name))]
            if not named:
                raise ValueError(
                    f"expected a file of {name!r} in at least one row. Received: "
                    f"{str(self.path)!r} with none. Remove the column."
                )
            fields[name] = first_readable(functools.partial(_field_of_file, name=name), named)
        splits = {}
        for split in dict.fromkeys(SPLITS.values()):
            numbers = [
                number
                for number, row in enumerate(self._rows)
                if SPLITS[str(row["split"]).lower()] == split
            ]
            if numbers:
                splits[split] = (len(numbers), lambda i, numbers=numbers: self._sample(numbers[i]))
        shape = () if len(self._labels) == 1 else (len(self._labels),)
        return Source(
            config, fields, splits, label_shape=shape, trusted=clean, facts={"clean": clean}
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
        values = []
        for name in self._labels:
            value = self._rows[number][name]
            try:
                values.append(float(value))
            except (TypeError, ValueError):
                raise ValueError(
                    f"expected {name!r} to be a number. Received: {shown(value)} in "
                    f"{self._place(number)}, sample {shown(self._id(number))}. Write classes as "
                    "0, 1, 2."
                ) from None
        return np.array(values) if len(values) > 1 else np.array(values[0])

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
