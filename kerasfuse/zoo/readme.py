"""The parts of a markdown file that are generated, each between two marks."""

import os
import pathlib

from kerasfuse import atomic
from kerasfuse.zoo.catalogue import entries
from kerasfuse.zoo.tables import best_results, by_data_set

_TABLES = {"zoo": best_results, "entries": by_data_set}


def update_readme(path: str | os.PathLike[str]) -> None:
    """Write tables of the entries between the marks of a markdown file.

    `<!-- zoo:begin -->` and `<!-- zoo:end -->` get each model with its best result on real data,
    `<!-- entries:begin -->` and `<!-- entries:end -->` all entries, by data set. A file has the
    marks of one table or of both.

    Raises:
        ValueError: when the file has neither.
    """
    text = pathlib.Path(path).read_text(encoding="utf-8")
    wanted = [name for name in _TABLES if f"<!-- {name}:" in text] or ["zoo"]
    for name in wanted:
        write_between(path, name, _TABLES[name](entries()))


def write_between(path: str | os.PathLike[str], name: str, text: str) -> None:
    """Write text between the marks `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a file.

    Raises:
        ValueError: when the file lacks the marks.
    """
    path = pathlib.Path(path)
    whole = path.read_text(encoding="utf-8")
    marks = [f"<!-- {name}:begin -->", f"<!-- {name}:end -->"]
    if any(mark not in whole for mark in marks):
        raise ValueError(
            f"expected the marks {marks[0]} and {marks[1]}. Received: path={str(path)!r}, "
            "which lacks them."
        )
    before, rest = whole.split(marks[0], 1)
    after = rest.split(marks[1], 1)[1]
    with atomic.replacing(path) as temporary:
        temporary.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}", encoding="utf-8")
