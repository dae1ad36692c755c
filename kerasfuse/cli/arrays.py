"""Read modalities from .npz or .npy files, write predictions as CSV or JSON."""

import csv
import io
import json
import pathlib

import numpy as np

from kerasfuse import atomic, datasets
from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.formats import numpy_files

_FORMATS = (".csv", ".json")


def read(path, modalities, batch_size):
    """Read samples for a model and check them.

    Args:
        path: a `.npz` file with one array a modality, or a folder of `<modality>.npy` files. Arrays
            are `(samples, steps, width)`, steps of zeros being padding.
        modalities: dict of name -> width that the model takes.
        batch_size: samples predicted at a time.

    Returns:
        `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the path does not exist.
        ValueError: for a file that is no such file, and for missing or unknown names, other widths,
            no samples, unequal numbers of them, and values that are not finite.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        arrays = {file.stem: _load(file) for file in sorted(path.glob("*.npy"))}
    elif not path.exists():
        raise FileNotFoundError(
            "expected a .npz file or a folder of .npy files. "
            f"Received: input={str(path)!r}, which does not exist."
        )
    elif path.suffix == ".npz":
        arrays = _load(path)
    else:
        raise ValueError(
            f"expected a .npz file or a folder of .npy files. Received: input={str(path)!r}."
        )
    if not arrays:
        raise ValueError(
            f"expected arrays named {', '.join(modalities)}. Received: input={str(path)!r}, which "
            "holds none."
        )
    return datasets.Batches(arrays, batch_size=batch_size, modalities=modalities)


def check_output(path):
    """Check, before any work is done, that an output file has a format that can be written.

    Raises:
        ValueError: for another suffix than .csv and .json.
    """
    if path is not None and pathlib.Path(path).suffix not in _FORMATS:
        raise ValueError(
            f"expected an output file that ends in {' or '.join(_FORMATS)}. "
            f"Received: output={str(path)!r}."
        )


def check_finite(ids, scores):
    """Raise a ValueError for scores that are no numbers."""
    bad = [name for name, row in zip(ids, scores, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise ValueError(
            f"expected a model with finite outputs. Received: outputs that are not for {len(bad)} "
            f"of {len(scores)} samples, {', '.join(map(str, bad[:3]))} first. Look at the weights, "
            "and at features of these samples that are out of all proportion."
        )


def write(path, ids, scores):
    """Write scores (samples, outputs) as CSV or JSON, by the suffix, whole or not at all."""
    text = as_text(ids, scores, pathlib.Path(path).suffix)
    with atomic.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def as_text(ids, scores, suffix):
    """Return one row a sample as CSV or JSON."""
    names = ["score"] if scores.shape[1] == 1 else [f"score_{i}" for i in range(scores.shape[1])]
    columns = ["sample", *names]
    rows = [[sample, *map(float, row)] for sample, row in zip(ids, scores, strict=True)]
    if suffix == ".json":
        return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1) + "\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


def _load(path):
    try:
        source_files.check_kind(path)
        load = numpy_files.load_array if path.suffix == ".npy" else numpy_files.load_arrays
        return load(path)
    except ValueError as error:
        raise ValueError(
            "expected plain arrays of numbers, as numpy.save and numpy.savez write them. "
            f"Received: input={str(path)!r} ({error})."
        ) from error
