"""Which clips there are: files, folders of them, or a table that says more of each."""

import dataclasses
import pathlib
import re

from kerasfuse import plain_files
from kerasfuse.datasets.formats.text_files import read_rows
from kerasfuse.datasets.own_data.faults import refuse
from kerasfuse.nearest_names import nearest
from kerasfuse.recordings.sound.reading import SUFFIXES
from kerasfuse.recordings.words.reading import SUFFIXES as WORDS
from kerasfuse.shown import shown

_OWN = ("id", "path", "split", "transcript", "start", "end")
_FILE = re.compile(r"\.[A-Za-z]\w{0,9}$")


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip, or one segment of a recording.

    Args:
        id: its name, unique.
        path: the file.
        transcript: path of a file of words, or `None`.
        start, end: seconds, or `None` for the beginning and the end of the file.
        columns: dict of column to cell, what else is known of it, such as label, split, speaker.
    """

    id: str
    path: pathlib.Path
    transcript: pathlib.Path | None = None
    start: float | None = None
    end: float | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict)


def find_clips(sources):
    """List clips.

    A table is a .csv file with the column `path`, relative to the table, and perhaps `id`, `label`
    (or `label_1`, `label_2`, ...), `split`, `speaker`, `transcript`, `start` and `end` in seconds,
    and others, which are passed on. A clip without a transcript has the one that lies beside it
    under its name: `talk.srt` beside `talk.mp4`.

    Args:
        sources: list of paths: sound and video files, folders, which are searched, and tables.

    Returns:
        List of `Clip`.

    Raises:
        FileNotFoundError: for paths that are not there, and where there is no clip.
        ValueError: for tables with other columns or cells, all of them counted, and for two clips
            of one id.
    """
    found = []
    for source in map(pathlib.Path, sources):
        if source.suffix.lower() == ".csv":
            found += _of_table(source)
        elif source.is_dir():
            files = sorted(file for file in source.rglob("*") if file.suffix.lower() in SUFFIXES)
            found += [_of_file(file, source) for file in files]
        else:
            plain_files.check(source)
            found.append(_of_file(source, source.parent))
    if not found:
        raise FileNotFoundError(
            f"expected clips, {', '.join(SUFFIXES[:10])}, or a .csv table of them. Received: "
            f"{', '.join(map(str, sources)) or 'nothing'}, with none."
        )
    seen, twice = {}, []
    for clip in found:
        if clip.id in seen:
            twice.append(f"{clip.id!r}, {clip.path} and {seen[clip.id].path}")
        seen[clip.id] = clip
    refuse("one clip an id", twice, len(found), "Give them ids, or other names.", "clips")
    return found


def _of_file(file, folder):
    name = file.relative_to(folder).with_suffix("").as_posix().replace("/", "_")
    return Clip(name, file, _beside(file))


def _beside(file):
    """Return the file of words that lies beside a clip under its name."""
    stems = {
        path.suffix.lower(): path
        for path in file.parent.glob(f"{_escaped(file.stem)}.*")
        if path.suffix.lower() in WORDS
    }
    return next((stems[suffix] for suffix in WORDS if suffix in stems), None)


def _escaped(text):
    return re.sub(r"([\[\]*?])", r"[\1]", text)


def _of_table(path):
    names, *rows = [row for row in read_rows(path) if any(row)] or [[]]
    if "path" not in names or len(set(names)) < len(names):
        raise ValueError(
            f"expected the column 'path' in a table of clips, and every column once. Received: "
            f"{str(path)!r} with {', '.join(map(shown, names)) or 'none'}. "
            f"{nearest('path', names) if names else ''}"
        )
    refuse(
        f"{len(names)} cells a line",
        [f"{len(row)} in line {n}" for n, row in enumerate(rows, 2) if len(row) != len(names)],
        len(rows),
        f"Correct these lines of {path}.",
        "lines",
    )
    faults, clips = [], []
    for line, row in enumerate(rows, 2):
        cells = dict(zip(names, map(str.strip, row), strict=True))
        try:
            clips.append(_of_row(cells, path.parent))
        except ValueError as error:
            faults.append(f"{error} in line {line}")
    refuse(
        "a path, and start before end in seconds",
        faults,
        len(rows),
        f"Correct these lines of {path}.",
        "lines",
    )
    return clips


def _of_row(cells, folder):
    if not cells["path"]:
        raise ValueError("no path")
    file = folder / cells["path"]
    start, end = (float(cells[key]) if cells.get(key) else None for key in ("start", "end"))
    if not 0 <= (start or 0) < (float("inf") if end is None else end):
        raise ValueError(f"{cells.get('start')} to {cells.get('end')}")
    name = pathlib.PurePath(cells["path"]).with_suffix("").as_posix().replace("/", "_").lstrip("._")
    if start is not None or end is not None:
        name += f"[{start or 0:g}-{'' if end is None else f'{end:g}'}]"
    transcript = folder / cells["transcript"] if cells.get("transcript") else _beside(file)
    others = {
        # A table of OpenFace beside the clip, for instance: the new table lies elsewhere.
        key: str((folder / cell).resolve()) if _FILE.search(cell) else cell
        for key, cell in cells.items()
        if key not in _OWN or key == "split"
    }
    return Clip(cells.get("id") or name, file, transcript, start, end, others)
