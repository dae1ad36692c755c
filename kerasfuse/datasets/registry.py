"""The data sets by name, and the one function that loads them."""

import inspect

from kerasfuse import progress
from kerasfuse.datasets.batching.batches import Batches
from kerasfuse.datasets.conversion.records import Records
from kerasfuse.nearest_names import choose, nearest

_SPLITS = ("train", "validation", "test")
_DATASETS = {}


def register(function):
    """Make a data set loadable under the name of the function that makes it.

    The function is called as `function(split, data_dir, **config)`. Its keyword-only arguments
    are the configuration of the data set, and it returns the arguments of `Batches` as a dict.
    """
    _DATASETS[function.__name__] = function
    return function


def names():
    """List the names of the data sets that `load` knows."""
    return sorted(_DATASETS)


def load(name, split="train", batch_size=32, data_dir=None, shuffle=None, seed=0, **config):
    """Load one split of a data set as batches for `fit`, `evaluate` and `predict`.

    Args:
        name: one of `names()`.
        split: `"train"`, `"validation"` or `"test"`.
        batch_size: samples a batch.
        data_dir: the folder with the source files of real data; the environment variable
            KERASFUSE_DATA by default.
        shuffle: whether each epoch has a new order; by default in the train split only.
        seed: seed of that order, and of nothing else.
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
    choose("split", split, _SPLITS)
    return Batches(
        **_arguments(name, split, data_dir, config),
        batch_size=batch_size,
        shuffle=split == "train" if shuffle is None else shuffle,
        seed=seed,
    )


def convert(name, data_dir=None, **config):
    """Convert the files of a data set into records, if that is not done yet.

    `load` does the same on first use.

    Args:
        name, data_dir, **config: see `load`.

    Returns:
        Text that tells where the records are and what was found in the files.

    Raises:
        ValueError: for files that hold anything but what they should.
        FileNotFoundError: when the files are not found.
    """
    with progress.silence():
        inputs = _arguments(name, "train", data_dir, config)["inputs"]
    if not isinstance(inputs, Records):
        return f"{name} is read as it is: there is nothing to convert."
    return f"{inputs.report()}\n  The records are in {inputs.folder}."


def _arguments(name, split, data_dir, config):
    function = _DATASETS[choose("name", name, names())]
    valid = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for key, value in config.items():
        if key not in valid:
            raise ValueError(
                f"expected an argument of {name}. Received: {key}={value!r}. {nearest(key, valid)}"
            )
    return function(split, data_dir, **config)
