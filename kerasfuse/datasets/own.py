"""Your own data: a folder of .npz files, one a split, or a table that names .npy files."""

import csv
import hashlib
import zipfile

import numpy as np

from kerasfuse.datasets import conversion, source_files
from kerasfuse.datasets.builder import Builder
from kerasfuse.datasets.records import Records
from kerasfuse.datasets.registry import register
from kerasfuse.datasets.source import Field, Sample, Source

_SPLITS = {
    "train": "train",
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    "test": "test",
}
_TABLES = (".csv", ".parquet")


@register
def own(split, data_dir=None, *, clean=False):
    """Load your own data from files, of any size and with any modalities.

    `data_dir` is one of two things.

    - A folder with `train.npz`, `validation.npz` and `test.npz`, as many of them as there are. Each
      holds `labels` `(samples, ...)`, perhaps `ids`, and an array a modality: sequences `(samples,
      steps, width)` with zeros as padding on either side, vectors `(samples, width)`, or images
      `(samples, height, width, channels)`.
    - A table, `.csv` or `.parquet`, with a row a sample and the columns `split` (train, validation
      or test), `label` (a number; or `label_1`, `label_2`, ... for several), perhaps `id`, and a
      column a modality, named after it, with the path of a `.npy` file, relative to the table:
      `(steps, width)`, `(width,)` or `(height, width, channels)`. An empty cell is an absent
      modality.

    On the first load the files are converted into records, so that any size is read in little
    memory, and again when a file has changed.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder, or the table.
        clean: set features that are not finite to 0 and leave out samples without features or with
            a label that is not finite, counting all of it, in place of refusing them.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: for a folder without such files, and for a file that the table names.
        ValueError: for arrays, labels and ids that do not fit, with the file, sample and field.

    Example:

    >>> train = kerasfuse.datasets.load("own", data_dir="samples.csv")
    """
    place = source_files.folder(data_dir)
    if place.is_file() and place.suffix.lower() in _TABLES:
        table = _Table(place)
        files, read = table.files(), table.source
    else:
        files = _npz_files(place)
        read = _read_npz
    config = f"{place.stem}-{hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:8]}"
    folder, _ = conversion.prepared(
        Own,
        [file for file, _ in files],
        lambda bars: read(files, f"{config}-clean" if clean else config, clean),
        lambda facts: facts["facts"]["clean"] == clean,
    )
    return Records(folder, split).arguments()


class Own(Builder):
    """Samples from files of one's own."""


def _npz_files(folder):
    """Give `(file, split)` of a folder."""
    found = {}
    for name, split in _SPLITS.items():
        file = folder / f"{name}.npz"
        if file.is_file():
            if split in found:
                raise ValueError(
                    f"expected one file a split. Received: {found[split]} and {file}. Remove one."
                )
            found[split] = file
    if not found:
        raise FileNotFoundError(
            "expected a folder with train.npz, validation.npz and test.npz, or a table (.csv or "
            f".parquet) that names .npy files, in data_dir=... Received: {str(folder)!r}"
        )
    return [(file, split) for split, file in found.items()]


def _read_npz(files, config, clean):
    splits, fields, shape = {}, {}, None
    for file, split in files:
        arrays = _load_arrays(file)
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
        ids = arrays.pop("ids", None)
        found = {name: _field(x.shape[1:], x.dtype, name, file) for name, x in arrays.items()}
        if fields and found != fields:
            raise ValueError(
                f"expected the modalities of {str(files[0][0])!r}: {_shown(fields)}. Received: "
                f"{str(file)!r} with {_shown(found)}"
            )
        fields, shape = found, _label_shape(labels.shape[1:])
        splits[split] = (len(labels), _NpzReader(file, split, arrays, labels, ids))
    return Source(config, fields, splits, label_shape=shape, trusted=clean, facts={"clean": clean})


def _load_arrays(file):
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(
            f"expected arrays of numbers. Received: {str(file)!r}, which cannot be read ({error}). "
            "Save it with numpy.savez, sequences of different lengths padded with zeros."
        ) from error


class _NpzReader:
    def __init__(self, file, split, arrays, labels, ids):
        self._file, self._split, self._arrays = file, split, arrays
        self._labels, self._ids = labels, ids

    def __call__(self, i):
        return Sample(
            id=f"{self._split}/{i}" if self._ids is None else str(self._ids[i]),
            features={name: np.atleast_2d(x[i]) for name, x in self._arrays.items()},
            label=self._labels[i],
            place=f"{self._file}[{i}]",
        )


class _Table:
    """Rows that name the files of samples."""

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
                f"{str(path)!r} with {', '.join(map(repr, self._columns))}"
            )
        for number, row in enumerate(self._rows):
            if str(row["split"]).lower() not in _SPLITS:
                raise ValueError(
                    f"expected split to be train, validation or test. Received: {row['split']!r} "
                    f"in {self._place(number)}"
                )

    def files(self):
        """Give `(file, None)` of the table and all files that it names."""
        files = [(self.path, None)]
        for number, row in enumerate(self._rows):
            for name in self._names:
                file = self._file(row, name)
                if file and not file.is_file():
                    raise FileNotFoundError(
                        f"expected the file of {name!r} in {self._place(number)} of sample "
                        f"{self._id(number)!r}. Received: {str(file)!r}, which is not there. "
                        "Correct the path, or leave the cell empty where the modality is absent."
                    )
                files += [(file, None)] if file else []
        return files

    def source(self, files, config, clean):
        """Give the `Source` of all rows."""
        fields = {}
        for name in self._names:
            first = next((f for row in self._rows if (f := self._file(row, name))), None)
            if first is None:
                raise ValueError(
                    f"expected a file of {name!r} in at least one row. Received: "
                    f"{str(self.path)!r} with none. Remove the column."
                )
            x = _load_array(first, name)
            fields[name] = _field(np.atleast_2d(x).shape, x.dtype, name, first)
        splits = {}
        for split in dict.fromkeys(_SPLITS.values()):
            numbers = [
                number
                for number, row in enumerate(self._rows)
                if _SPLITS[str(row["split"]).lower()] == split
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
        return Sample(
            id=self._id(number),
            features={n: f and np.atleast_2d(_load_array(f, n)) for n, f in files.items()},
            label=self._label(number),
            place=f"{self._place(number)} ({', '.join(str(f) for f in files.values() if f)})",
        )

    def _label(self, number):
        values = []
        for name in self._labels:
            value = self._rows[number][name]
            try:
                values.append(float(value))
            except (TypeError, ValueError):
                raise ValueError(
                    f"expected {name!r} to be a number. Received: {value!r} in "
                    f"{self._place(number)}, sample {self._id(number)!r}. Write classes as 0, 1, 2."
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
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ValueError(
                f"expected {len(reader.fieldnames)} cells a line. Received: another number in line "
                f"{number} of {str(path)!r}"
            )
    return list(reader.fieldnames or []), rows


def _read_parquet(path):
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "expected pyarrow, for tables in Parquet. Received: an installation without it. "
            "pip install 'kerasfuse-zoo[data]', or save the table as .csv."
        ) from error
    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise ValueError(f"expected a Parquet table. Received: {str(path)!r} ({error})") from error
    return table.column_names, table.to_pylist()


def _load_array(file, name):
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"expected an array of numbers for {name!r}. Received: {str(file)!r}, which cannot be "
            f"read ({error}). Save it with numpy.save."
        ) from error


def _field(shape, dtype, name, file):
    """Give the field of samples of this shape: a sequence, a vector as one step, or an image."""
    if dtype.kind not in "fiub" or not 1 <= len(shape) <= 3 or "/" in name:
        raise ValueError(
            f"expected {name!r} to hold numbers of shape (steps, width), (width,) or (height, "
            f"width, channels), and no '/' in the name. Received: {str(file)!r} with dtype "
            f"{dtype}, shape {shape} a sample"
        )
    return Field(tuple(shape) if len(shape) == 3 else (None, shape[-1]))


def _label_shape(shape):
    return () if np.prod(shape) == 1 else tuple(shape)


def _shown(fields):
    return ", ".join(f"{name} {field.shape}" for name, field in fields.items())
