"""The parts of a markdown file that are generated, each between two marks."""

import pathlib

from kerasfuse import atomic
from kerasfuse.zoo.catalogue import entries


def update_readme(path):
    """Write the table of all entries between the two zoo marks of a markdown file.

    Raises:
        ValueError: when the file lacks the marks.
    """
    write_between(path, "zoo", entries().markdown())


def write_between(path, name, text):
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
