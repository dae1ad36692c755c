"""Write an entry of one's own, to be changed by hand."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from kerasfuse import atomic, zoo
from kerasfuse.entries.serialization import to_toml
from kerasfuse.recipes.run_folder import as_started
from kerasfuse.recipes.tasks.starting import is_model, starting_entry

_COMMENTS = {
    "[entry]": "# What it is: the name is the file's, the rest is for the card.",
    "[model]": "# The class is one of kerasfuse.models. Sizes, heads, dropout: under [model.args].",
    "[model.scaling]": (
        "# What is standardised in the model, by the training split: features, and labels that\n"
        "# are numbers. The outputs come in the labels' units."
    ),
    "[data]": "# `own` reads the table, folder or file that --data-dir or --data names.",
    "[data.args]": "# See kerasfuse.datasets.own: folds, group, validation, weight, columns.",
    "[recipe]": (
        "# How it is trained. score is what tables show, monitor what weights are chosen by, on\n"
        "# validation. targets name the outputs."
    ),
    "[weights]": (
        "# The terms of the data, which are those of the weights. `kerasfuse train --record` adds\n"
        "# file, sha256 and seed."
    ),
}


def new_entry(
    path: str | os.PathLike[str],
    start: str = "LMF",
    data: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    task: str | None = None,
) -> zoo.Entry:
    """Write an entry's toml file, with comments, from a class of model or another entry.

    Args:
        path: the file, `NAME.toml`; it must not be there. The entry has its name.
        start: an entry's name, or, with `data`, that of a class of model.
        data: path of your own data, or name of a data set, for which it is made; by default the
            entry's own.
        data_dir, overrides, task: as in `train`.

    Returns:
        The `Entry`.

    Raises:
        ValueError: for a file that is there, or is no .toml, and what `train` refuses.

    Example:

    >>> from kerasfuse import recipes
    >>> recipes.new_entry("mine.toml", "LMF", "samples.csv")
    """
    path = pathlib.Path(path)
    if path.suffix != ".toml" or path.exists():
        what = "which is there already" if path.exists() else "which is none"
        raise ValueError(f"expected a new .toml file. Received: {str(path)!r}, {what}.")
    if data is not None:
        entry = starting_entry(start, data, data_dir, overrides, task).entry
    elif is_model(start):
        raise ValueError(
            f"expected data beside the class of a model. Received: {start!r} without. "
            "Say which: --data samples.csv."
        )
    else:
        entry = zoo.entry(start).override(overrides or {})
    entry = dataclasses.replace(as_started(entry), name=path.stem)
    made_by = f"kerasfuse train ./{path.name}"
    place = f" --data-dir {pathlib.Path(data).name}" * (entry.data_name == "own" and bool(data))
    entry = dataclasses.replace(
        entry, weights=dataclasses.replace(entry.weights, made_by=made_by + place)
    )
    lines = []
    for line in to_toml(entry).splitlines():
        if line in _COMMENTS:
            lines += _COMMENTS[line].splitlines()
        lines.append(line)
    with atomic.replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return zoo.entry(path)
