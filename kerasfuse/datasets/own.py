"""The data set `own`: your own data, without a line of code.

Other data sets have a name and a format that their authors chose. This one reads arrays that you
saved yourself, from a folder of .npz files, one a split, or from a table that names .npy files.
"""

import dataclasses
import hashlib

import numpy as np

from kerasfuse.datasets.conversion import conversion, source_files
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.datasets.conversion.source import Sample, Source
from kerasfuse.datasets.conversion.unreadable import policy
from kerasfuse.datasets.formats import numpy_files
from kerasfuse.datasets.formats.tables import SPLITS, Table, field_of
from kerasfuse.datasets.registry import register
from kerasfuse.shown import shortened

_TABLES = (".csv", ".parquet")


@register
def own(split, data_dir=None, *, aligned=False, clean=False, unreadable=None):
    """Load your own data from files, of any size and with any modalities.

    `data_dir` is one of two things.

    - A folder with `train.npz`, `validation.npz` and `test.npz`, as many of them as there are. Each
      holds `labels` `(samples, ...)`, perhaps `ids`, and an array a modality: sequences `(samples,
      steps, width)` with zeros as padding on either side, vectors `(samples, width)`, or images
      `(samples, height, width, channels)`.
    - A table, `.csv` or `.parquet`, with a row a sample and the columns `split` (train, validation
      or test), `label` (a number; or `label_1`, `label_2`, ... for several), perhaps `id`, and a
      column a modality, named after it, with the path of a file, relative to the table: a `.npy`
      file, `(steps, width)`, `(width,)` or `(height, width, channels)`, or a `.csv` of OpenFace, of
      which the action units are read. An empty cell is an absent modality.

    On the first load the files are converted into records, so that any size is read in little
    memory, and again when a file has changed.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: the folder, or the table.
        aligned: names of the modalities that share their steps, such as words and their sounds, or
            `True` for all sequences: step i of one stays beside step i of the others.
        clean: set features that are not finite to 0 and leave out samples without features or with
            a label that is not finite, counting all of it, in place of refusing them.
        unreadable: of a table, what to do at a row with a file that is missing, cannot be read, has
            no steps, or has another width than the first: `"stop"`, or `"skip"`, which leaves the
            sample out and lists it in the report. By default `"skip"` from 1,000 rows on. If more
            than 5 % of the samples are left out, or all of a split or class, it stops all the same.

    Returns:
        Arguments of `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: for a folder without such files, and for a file that the table names.
        ValueError: for arrays, labels and ids that do not fit, with the file, sample and field, and
            for `unreadable` without a table.

    Example:

    >>> train = kerasfuse.datasets.load("own", data_dir="samples.csv")
    """
    place = source_files.folder(data_dir)
    table = None
    if place.is_file() and place.suffix.lower() in _TABLES:
        table = Table(place)
        files, read = table.files(), table.source
    elif unreadable is not None:
        raise ValueError(
            "expected unreadable of a table, whose samples have files of their own. Received: "
            f"unreadable={unreadable!r} and {str(place)!r}. Leave it out."
        )
    else:
        files = _npz_files(place)
        read = _read_npz
    config = f"{place.stem}-{hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:8]}"
    wanted = {"clean": clean, "aligned": aligned if isinstance(aligned, bool) else list(aligned)}
    names = "" if isinstance(aligned, bool) else "-".join(["", *aligned])
    config += f"-aligned{names}" * bool(aligned) + "-clean" * clean

    def source(bars):
        if table and policy(unreadable, len(table)) == "stop":
            table.check_files()  # at once, not after an hour
        found = read(files, config, clean)
        return dataclasses.replace(
            found, aligned=_aligned_fields(found.fields, aligned), facts=wanted
        )

    folder, _ = conversion.prepared(
        Own,
        [file for file, _ in files],
        source,
        lambda facts: facts["facts"] == wanted,
        own_files=table is not None,
        unreadable=unreadable,
    )
    return Records(folder, split).arguments()


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
    """Give `(file, split)` of a folder."""
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
        found = {name: field_of(x.shape[1:], x.dtype, name, file) for name, x in arrays.items()}
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
        return numpy_files.load_arrays(file)
    except ValueError as error:
        raise ValueError(
            f"expected arrays of numbers. Received: {str(file)!r}, which cannot be read "
            f"({shortened(str(error))}). Save it with numpy.savez, sequences of different lengths "
            "padded with zeros."
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


def _label_shape(shape):
    return () if np.prod(shape) == 1 else tuple(shape)


def _shown(fields):
    return ", ".join(f"{name} {field.shape}" for name, field in fields.items())
