"""The entries: where they lie, their names, and one by its name."""

import fnmatch
import os
import pathlib

from kerasfuse import datasets, hub
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.entries import parsing
from kerasfuse.entries.arguments import model_classes
from kerasfuse.entries.definition import Entry
from kerasfuse.entries.weights import KINDS
from kerasfuse.nearest_names import choose, nearest
from kerasfuse.shown import shown
from kerasfuse.zoo.listing import Entries

_PACKAGE = pathlib.Path(__file__).parents[1]
_INSTALLED = _PACKAGE / "_entries"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "zoo"


def folder() -> pathlib.Path:
    """Return the folder of the entries: the installed package's, else the checkout's `zoo/`."""
    return FOLDER


def folders() -> list[pathlib.Path]:
    """Return all folders of entries: those of KERASFUSE_ZOO, then `folder()`.

    KERASFUSE_ZOO names folders of your own entries, with a colon between (a semicolon on Windows).
    An entry there goes before one of the same name elsewhere.
    """
    named = os.environ.get("KERASFUSE_ZOO", "").split(os.pathsep)
    return [*(pathlib.Path(path).expanduser() for path in named if path), folder()]


def place(name: str | os.PathLike[str]) -> pathlib.Path:
    """Return the path of an entry's toml file.

    Args:
        name: an entry's name, or the path of its file.

    Raises:
        ValueError: when there is no such entry, with the nearest names.
        FileNotFoundError: for a path that is not there.
    """
    if is_file(name):
        path = pathlib.Path(name)
        if not path.is_file():
            raise FileNotFoundError(
                f"expected the file of an entry. Received: {str(name)!r}, which is not there. "
                f"kerasfuse new {path} --from NAME writes one."
            )
        return path
    for found in folders():
        if (path := found / f"{name}.toml").is_file():
            return path
    raise ValueError(
        f"expected the name of a zoo entry, as kerasfuse list shows them. Received: "
        f"name={shown(name)}. {nearest(name, names())}"
    )


def is_file(name: str | os.PathLike[str]) -> bool:
    """Whether `name` is the path of an entry's toml file, and not the name of an entry."""
    return os.fspath(name).endswith(".toml") and "://" not in os.fspath(name)


def names() -> list[str]:
    """Return the names of all entries, sorted."""
    return sorted({path.stem for found in folders() for path in found.glob("[!.]*.toml")})


@renamed_arguments(licence="license")
def entries(
    pattern: str = "*",
    model: str | None = None,
    data: str | None = None,
    max_parameters: int | None = None,
    license: str | None = None,
    weights: str | None = None,
    commercial: bool = False,
) -> Entries:
    """List the entries that match everything asked for.

    Args:
        pattern: a shell pattern of the name, such as `"mica_*"`.
        model: name of the class of model, in any case.
        data: name of the data set.
        max_parameters: the most weights that the model may have.
        license: a part of the terms of the data, in any case, such as `"CC BY"`.
        weights: `"real"` or `"simulated"` data that made the weights, or `"none"`.
        commercial: leave out whatever has data, and so weights, whose terms forbid commercial
            use. That of the code, which allows it, is not asked.

    Returns:
        `Entries`, a list of `Entry` that prints as a table with data, number of parameters, test
        score with its spread over seeds, the score of the best constant prediction on the same
        samples, what made the weights, and the terms of the data.

    Raises:
        ValueError: for a model, data set or kind of weights that no entry can have.

    Example:

    >>> from kerasfuse import zoo
    >>> [entry.name for entry in zoo.entries("mica_*", weights="simulated")]
    ['mica_clock', 'mica_mosei', 'mica_simulated']
    """
    model = None if model is None else _choose("model", model, model_classes())
    data = None if data is None else _choose("data", data, datasets.names())
    weights = None if weights is None else _choose("weights", weights, KINDS)
    return Entries(
        found
        for found in (entry(name) for name in fnmatch.filter(names(), pattern))
        if model in (None, found.model_class)
        and data in (None, found.data_name)
        and weights in (None, found.weights_kind)
        and (license or "").lower() in found.weights.license.lower()
        and (max_parameters is None or (found.parameters or float("inf")) <= max_parameters)
        and (found.weights.commercial or not commercial)
    )


def entry(name: str | os.PathLike[str]) -> Entry:
    """Return one entry, parsed and checked.

    Args:
        name: an entry's name, the path of its toml file, or the address of one that lies elsewhere,
            see `load`.

    Raises:
        ValueError: when there is no such entry, with the nearest names.
    """
    if hub.is_address(name) and not is_file(name):
        return hub.entry(name)
    path = place(name)
    return parsing.read(path)


def _choose(what, value, valid):
    """Return the name that is meant, in any case."""
    any_case = {name.lower(): name for name in valid}
    return choose(what, any_case.get(value.lower(), value), sorted(valid))
