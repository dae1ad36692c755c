"""The data sets by name, and the one function that loads them."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kerasfuse import progress
from kerasfuse.datasets.batching.batches import Batches
from kerasfuse.datasets.batching.grain_batches import GrainBatches
from kerasfuse.datasets.conversion import sharing
from kerasfuse.datasets.conversion.builder import Builder
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.kinds import check_count, check_switch
from kerasfuse.nearest_names import choose, nearest
from kerasfuse.optional_packages import require

_SPLITS = ("train", "validation", "test")
# Data that users bring have the splits that they say.
_OF_USERS = ("own", "recordings")
_DATASETS: dict[str, Callable[..., dict[str, Any]]] = {}
_CLASSES: dict[str, Sequence[str] | int | None] = {}


def register(function=None, *, classes=None):
    """Make a data set loadable under the name of the function that makes it.

    The function is called as `function(split, data_dir, **config)`. Its keyword-only arguments
    are the configuration of the data set, and it returns the arguments of `Batches` as a dict. A
    `Builder` in its module says where the files come from.

    Args:
        function: the function, where this is used without arguments.
        classes: of data whose label is the number of a class, the names of the classes in the
            order of their numbers, or how many there are where names are not known before the
            files are read.

    Returns:
        The function, or a decorator of it.
    """
    if function is None:
        return functools.partial(register, classes=classes)
    _DATASETS[function.__name__] = function
    _CLASSES[function.__name__] = classes
    return function


def names() -> list[str]:
    """List the names of the data sets that `load` knows."""
    return sorted(_DATASETS)


def arguments(name: str) -> tuple[str, ...]:
    """List the names of the arguments that `load` takes for one data set, beside its own.

    Args:
        name: one of `names()`.

    Raises:
        ValueError: for an unknown data set.

    Example:

    >>> arguments("kinetics_sound")
    ('classes', 'unreadable')
    """
    parameters = inspect.signature(_find(name)).parameters.values()
    return tuple(found.name for found in parameters if found.kind is found.KEYWORD_ONLY)


def instructions(name: str) -> str:
    """Say where the files of a data set come from; empty for data that nobody needs to fetch.

    Args:
        name: one of `names()`.

    Raises:
        ValueError: for an unknown data set.
    """
    module = _find(name).__module__
    for found in vars(sys.modules[module]).values():
        if inspect.isclass(found) and found.__module__ == module:
            if issubclass(found, Builder):
                return found.MANUAL_DOWNLOAD_INSTRUCTIONS
    return ""


def num_classes(name: str) -> int | None:
    """Return the number of classes of a data set, `None` where a label is no class.

    Args:
        name: one of `names()`.

    Raises:
        ValueError: for an unknown data set.

    Example:

    >>> num_classes("ravdess")
    8
    """
    _find(name)
    classes = _CLASSES[name]
    return classes if classes is None or isinstance(classes, int) else len(classes)


def class_names(name: str) -> tuple[str, ...] | None:
    """Return the names of a data set's classes in the order of their numbers.

    Args:
        name: one of `names()`.

    Returns:
        A tuple; `None` where a label is no class, and where only the files have the names.

    Raises:
        ValueError: for an unknown data set.

    Example:

    >>> class_names("ravdess")[2]
    'happy'
    """
    _find(name)
    classes = _CLASSES[name]
    return None if classes is None or isinstance(classes, int) else tuple(classes)


def load(
    name: str,
    split: str = "train",
    batch_size: int = 32,
    data_dir: str | os.PathLike[str] | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    readers: int = 0,
    *,
    loader: str = "batches",
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
    **config: Any,
) -> Batches:
    """Load one split of a data set as batches for `fit`, `evaluate` and `predict`.

    Args:
        name: one of `names()`.
        split: `"train"`, `"validation"` or `"test"`; of `own` and `recordings` also
            `"everything"`.
        batch_size: samples a batch.
        data_dir: the folder with the source files of real data; the environment variable
            KERASFUSE_DATA by default.
        shuffle: whether each epoch has a new order; by default in the train split only.
        seed: seed of that order, and of nothing else.
        readers: number of threads that read batches ahead while the model computes.
        loader: `"batches"`, or `"grain"` for `GrainBatches`: records of any number of samples, read
            ahead by processes, of which several hosts share the samples. Its order is another one.
        workers: of `"grain"`, number of processes that read ahead.
        shard: of `"grain"`, number of this host from 0, and how many hosts there are.
        **config: what the data set can be asked for; see the module of its name.

    Returns:
        `Batches`.

    Raises:
        ValueError: for an unknown data set, split or argument; the nearest names are offered.
        FileNotFoundError: when the files of a real data set are not found.

    Example:

    >>> train = load("simulated", split="train", like="mosei", num_samples=100, batch_size=8)
    >>> len(train), train.modalities
    (13, {'text': 300, 'audio': 74, 'vision': 35})
    """
    choose("split", split, (*_SPLITS, *["everything"] * (name in _OF_USERS)))
    options = {
        "batch_size": batch_size,
        "shuffle": split == "train" if shuffle is None else shuffle,
        "seed": seed,
    }
    if choose("loader", loader, ("batches", "grain")) == "batches":
        for told, given, default in (("workers", workers, 0), ("shard", shard, (0, 1))):
            if given != default:
                raise ValueError(
                    f'expected {told} with loader="grain". Received: {told}={given!r} and '
                    "loader='batches', which reads in threads: readers=2"
                )
        return Batches(**_prepared(name, split, data_dir, config), readers=readers, **options)
    if readers:
        raise ValueError(
            f'expected readers with loader="batches". Received: readers={readers!r} and '
            "loader='grain', which reads in processes: workers=2"
        )
    require("grain", 'loader="grain"', "scale")  # before files are converted
    prepared = _prepared(name, split, data_dir, config)
    return GrainBatches(**prepared, workers=workers, shard=shard, **options)


def convert(
    name: str, data_dir: str | os.PathLike[str] | None = None, jobs: int = 1, **config: Any
) -> str:
    """Convert the files of a data set into records, if that is not done yet.

    `load` does the same on first use, in one process.

    Args:
        name, data_dir: see `load`.
        jobs: how many processes convert. The records are the same bytes, whatever their number.
            Each process reads a pickle whole; of files of other formats it holds a few samples.
        **config: see `load`. If a data set has an argument `jobs`, it is given that as well.

    Returns:
        Text that tells where the records are and what was found in the files.

    Raises:
        ValueError: for files that hold anything but what they should.
        FileNotFoundError: when the files are not found.
    """
    check_count("jobs", jobs)
    if "jobs" in arguments(name):
        config["jobs"] = jobs
    place = None if data_dir is None else os.fspath(data_dir)
    with progress.silence(), sharing.shared_by(sharing.Jobs(jobs, (name, place, config))):
        inputs = _prepared(name, "train", data_dir, config)["inputs"]
    if not isinstance(inputs, Records):
        return f"{name} is read as it is: there is nothing to convert."
    return f"{inputs.report()}\n  The records are in {inputs.folder}."


def splits(name: str, data_dir: str | os.PathLike[str] | None = None, **config: Any) -> list[str]:
    """Name the splits that a data set can be asked for, reading its files where these decide.

    Args:
        name, data_dir: see `load`.
        **config: see `load`.

    Returns:
        Some of `"train"`, `"validation"` and `"test"`.

    Raises:
        ValueError, FileNotFoundError: see `load`.
    """
    if not is_of_users(name):
        return list(_SPLITS)
    inputs = _prepared(name, "everything", data_dir, config)["inputs"]
    found = [split for split in _SPLITS if split in inputs.splits]
    divided = len(found) < len(inputs.splits) or config.get("folds") is not None
    return [
        split for split in _SPLITS if divided or split in found or config.get(split) is not None
    ]


def is_of_users(name):
    """Whether a data set is whatever files its user has."""
    return name in _OF_USERS


def _find(name):
    return _DATASETS[choose("name", name, names())]


def _prepared(name, split, data_dir, config):
    """Return the arguments of `Batches` for one split."""
    function, valid = _find(name), arguments(name)
    for key, value in config.items():
        if key not in valid:
            raise ValueError(
                f"expected an argument of {name}. Received: {key}={value!r}. {nearest(key, valid)}"
            )
        if isinstance(inspect.signature(function).parameters[key].default, bool):
            check_switch(key, value)
    return function(split, data_dir, **config)
