"""The entries: where they lie, their names, and one by its name."""

import fnmatch
import pathlib

from kerasfuse.zoo import parsing
from kerasfuse.zoo.listing import Entries
from kerasfuse.zoo.nearest_names import nearest

_PACKAGE = pathlib.Path(__file__).parents[1]
_INSTALLED = _PACKAGE / "_entries"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "zoo"


def folder():
    """Return the folder of the entries: the installed package's, else the checkout's `zoo/`."""
    return FOLDER


def names():
    """Return the names of all entries, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def entries(pattern="*"):
    """List the entries whose name matches.

    Args:
        pattern: a shell pattern such as `"mica_*"`.

    Returns:
        `Entries`, a list of `Entry` that prints as a table with data, number of parameters, test
        score with its spread over seeds, the score of the best constant prediction on the same
        samples, and what made the weights.

    Example:

    >>> from kerasfuse import zoo
    >>> [entry.name for entry in zoo.entries("mica_mose*")]
    ['mica_mosei']
    """
    return Entries(entry(name) for name in fnmatch.filter(names(), pattern))


def entry(name):
    """Return one entry, parsed and checked.

    Raises:
        ValueError: when there is no such entry, with the nearest names.
    """
    if name not in names():
        raise ValueError(
            f"expected the name of a zoo entry. Received: name={name!r}. {nearest(name, names())}"
        )
    return parsing.read(folder() / f"{name}.toml")
