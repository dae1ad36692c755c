"""Read modalities from .npz or .npy files, write predictions as CSV or JSON."""

import pathlib

from kerasfuse import datasets
from kerasfuse.datasets.conversion import source_files
from kerasfuse.datasets.formats import numpy_files
from kerasfuse.recipes.tasks.predicting import own_samples

_FORMATS = (".csv", ".json")
_TABLES = (".csv", ".parquet")


def read(path, entry, batch_size):
    """Read samples for a model and check them.

    Args:
        path: a `.npz` file with one array a modality, or a folder of `<modality>.npy` files. Arrays
            are `(samples, steps, width)`, steps of zeros being padding. Or what
            `kerasfuse.datasets.own` reads: a table, or a folder of `.npz` files. Labels are not
            read; `ids` name the samples.
        entry: the `Entry` whose model takes them.
        batch_size: samples predicted at a time.

    Returns:
        `kerasfuse.datasets.Batches`.

    Raises:
        FileNotFoundError: when the path does not exist.
        ValueError: for a file that is no such file, and for missing or unknown names, other widths,
            no samples, unequal numbers of them, and values that are not finite.
    """
    path = pathlib.Path(path)
    extracted = (path / "samples.csv").is_file()
    if path.suffix.lower() in _TABLES or extracted or any(path.glob("*.npz")):
        return own_samples(path, entry, batch_size)
    modalities = entry.model_args["modalities"]
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
    ids = arrays.pop("ids", None)
    # Labels, and columns such as a speaker: one value a sample.
    arrays = {name: x for name, x in arrays.items() if name in modalities or x.ndim != 1}
    if "labels" not in modalities:
        arrays.pop("labels", None)
    for name, x in arrays.items():
        if not x.ndim:
            raise ValueError(
                f"expected arrays (samples, steps, width). Received: {name!r} in {str(path)!r}, a "
                "single value."
            )
    # Vectors are sequences of one step, of as many samples as there are of the others.
    counts = {len(x) for x in arrays.values() if x.ndim != 2}
    arrays = {
        name: x[:, None]
        if x.ndim == 2 and isinstance(modalities.get(name), int) and counts <= {len(x)}
        else x
        for name, x in arrays.items()
    }
    return datasets.Batches(arrays, batch_size=batch_size, modalities=modalities, ids=ids)


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
