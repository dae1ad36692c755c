"""The table of all entries in the README."""

import pathlib

from kerasfuse import atomic
from kerasfuse.zoo.catalogue import entries

_MARKS = ("<!-- zoo:begin -->", "<!-- zoo:end -->")


def update_readme(path):
    """Write the table of all entries between the two zoo marks of a markdown file.

    Raises:
        ValueError: when the file lacks the marks.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8")
    if any(mark not in text for mark in _MARKS):
        raise ValueError(
            f"expected the marks {_MARKS[0]} and {_MARKS[1]}. Received: path={str(path)!r}, "
            "which lacks them."
        )
    before, rest = text.split(_MARKS[0], 1)
    after = rest.split(_MARKS[1], 1)[1]
    with atomic.replacing(path) as temporary:
        temporary.write_text(
            f"{before}{_MARKS[0]}\n{entries().markdown()}\n{_MARKS[1]}{after}", encoding="utf-8"
        )
