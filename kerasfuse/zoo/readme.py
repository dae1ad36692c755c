"""The parts of a markdown file that are generated, each between two marks."""

import os
import pathlib

from kerasfuse import atomic
from kerasfuse.zoo.catalogue import entries
from kerasfuse.zoo.field_tables import (
    ablations,
    as_printed,
    beside_text_alone,
    by_validation,
    side_by_side,
)
from kerasfuse.zoo.tables import attention, best_results, by_data_set

_TABLES = {
    "zoo": best_results,
    "entries": by_data_set,
    "cmu_mosi": lambda entries: by_validation(entries, "mosi_words"),
    "cmu_mosi text": lambda entries: beside_text_alone(entries, "mosi_words"),
    "cmu_mosi ablations": lambda entries: ablations(entries, "mosi_words"),
    "attention": attention,
    "mica_clock ablations": lambda entries: ablations(
        [entry for entry in entries if entry.name in ("mica_clock", "mult_clock")], "simulated"
    ),
    "mica ablations": lambda entries: side_by_side(
        [e for e in entries if e.name in ("mica_clock", "mica_ravdess", "mica_mosi_words")],
        "Table 5",
    ),
    "cmu_mosi published": lambda entries: as_printed(entries, "mosi_words"),
}


def update_readme(path: str | os.PathLike[str]) -> None:
    """Write tables of the entries between the marks of a markdown file.

    `<!-- zoo:begin -->` and `<!-- zoo:end -->` get each model with its best result on real data,
    `entries` all entries, by data set, `cmu_mosi` those on the words of CMU-MOSI, `cmu_mosi text`
    what they add to text alone, `cmu_mosi ablations` what changes of one setting do, and
    `cmu_mosi published` what papers print; `attention` what recorded weights attend to, and
    `mica_clock ablations` the trial of MICA, whose changes on three data sets `mica ablations` has
    side by side. A file has the marks of one table or of more.

    Raises:
        ValueError: when the file has none of them, or is no text.
        OSError: when it cannot be read or written.
    """
    text = _read(path)
    wanted = [name for name in _TABLES if f"<!-- {name}:begin" in text] or ["zoo"]
    for name in wanted:
        write_between(path, name, _TABLES[name](entries()))


def write_between(path: str | os.PathLike[str], name: str, text: str) -> None:
    """Write text between the marks `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a file.

    Raises:
        ValueError, OSError: as `check_marks`.
    """
    path = pathlib.Path(path)
    marks = _marks(name)
    before, _, rest = check_marks(path, name).partition(marks[0])
    after = rest.partition(marks[1])[2]
    with atomic.replacing(path) as temporary:
        temporary.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}", encoding="utf-8")


def check_marks(path: str | os.PathLike[str], name: str) -> str:
    """Return the text of a file that has the marks of `write_between`, one after the other.

    Raises:
        ValueError: when the file lacks the marks, or is no text.
        OSError: when it cannot be read or written.
    """
    marks = _marks(name)
    text = _read(path)
    if not 0 <= text.find(marks[0]) < text.find(marks[1]):
        raise ValueError(
            f"expected the marks {marks[0]} and {marks[1]}. Received: path={str(path)!r}, "
            "which lacks them."
        )
    atomic.check_file(path)
    return text


def _marks(name):
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def _read(path):
    try:
        if not pathlib.Path(path).is_file():
            raise OSError("no file")
        return pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(
            f"expected a page of text in UTF-8. Received: path={str(path)!r} ({error})."
        ) from error
