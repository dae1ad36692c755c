"""The tables of OpenFace: action units of a face, frame by frame."""

import collections
import re

import numpy as np

from kerasfuse.datasets.conversion.unreadable import Unreadable, reads_one_file
from kerasfuse.datasets.formats.text_files import read_text, split_rows
from kerasfuse.shown import shortened

_INTENSITIES = tuple(
    f"AU{i:02d}_r" for i in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
)
_PRESENCES = tuple(
    f"AU{i:02d}_c" for i in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
)
UNITS = (*_INTENSITIES, *_PRESENCES)
# What C libraries print for values that are not finite, and Python does not read.
_NOT_FINITE = re.compile(r"[+-]?(nan\(\w*\)|1\.#[a-z]+\d*)", re.IGNORECASE)
_CONFIDENT = 0.5

SEVERAL_FACES = "several faces, of which the one with the most confident frames is used"


@reads_one_file
def units_of(path):
    """Give the action units that a table has, in the order of `UNITS`.

    Args:
        path: a `.csv`, see `read_units`.

    Returns:
        Tuple of names: 17 intensities, 18 presences, or both.

    Raises:
        Unreadable: for a table without them, or with a part of them.
    """
    return _units(_header_and_rows(path)[0], path)


@reads_one_file
def read_units(path, units=None):
    """Read the action units of a face from a table of OpenFace, one row a frame.

    A frame without the face, or in which OpenFace did not succeed, is 0. Of several faces, that
    with the most confident frames is read: OpenFace succeeded with a confidence of 0.5 or more.

    Args:
        path: a `.csv` in UTF-8 or UTF-16 with `,` or `;` between the columns, which are identified
            by their names, with spaces or without. Of the other columns `frame`, `face_id`,
            `timestamp`, `confidence` and `success` are used where they are present. Blank lines
            do not count. Values that are not finite may be in any spelling of C, such as
            `-nan(ind)`; they are returned as NaN or infinity.
        units: the action units that the table must have, of `units_of`; any by default.

    Returns:
        float32 `(frames, units)`, and notes for `Sample`.

    Raises:
        Unreadable: for a table without them or without rows, for a row with too few or other cells
            than numbers, and for two rows of the same face and frame.
    """
    names, rows = _header_and_rows(path)
    present = _units(names, path)
    if units is not None and present != units:
        raise Unreadable(
            f"expected a table of OpenFace with {len(units)} action units, as in the first file. "
            f"Received: {str(path)!r} with {len(present)}. Extract all files with the same "
            "options.",
            path,
            "of another shape",
            f"{len(present)} action units",
        )
    columns = [names.index(unit) for unit in present]
    optional = {
        name: names.index(name)
        for name in ("frame", "timestamp", "face_id", "face", "confidence", "success")
        if name in names
    }
    time = optional.get("frame", optional.get("timestamp"))
    face_id = optional.get("face_id", optional.get("face"))
    # By face: time to features, and frames that are confident with the sum of their confidence.
    faces = collections.defaultdict(dict)
    scores = collections.defaultdict(lambda: np.zeros(2))
    times = {}
    for line, row in rows:
        try:
            seen = "success" not in optional or _number(row[optional["success"]]) > 0
            confidence = _number(row[optional["confidence"]]) if "confidence" in optional else 1.0
            face = 0.0 if face_id is None else _number(row[face_id])
            at = line if time is None else _number(row[time])
            x = [_number(row[i]) if seen else 0.0 for i in columns]
        except (ValueError, IndexError) as error:
            received = (
                f"{len(row)} cells" if isinstance(error, IndexError) else shortened(str(error))
            )
            raise ValueError(
                f"expected {len(present)} numbers in line {line} of {path}. Received: {received}. "
                "Correct the line, or extract the features again."
            ) from error
        if at in faces[face]:
            raise ValueError(
                f"expected one row a frame and face. Received: {str(path)!r} with "
                f"{names[time]} {at:g} of face {face:g} twice, again in line {line}. Write the "
                "faces into different files, or number them in a column face_id."
            )
        times[at] = None
        faces[face][at] = x
        if seen and confidence >= _CONFIDENT:
            scores[face] += (1, confidence)
    if not faces:
        raise Unreadable(
            f"expected a row a frame. Received: {str(path)!r} with none. Extract the features "
            "again.",
            path,
            "under one frame",
            "no rows",
        )
    # In a tie, the lowest number.
    chosen = max(sorted(faces), key=lambda face: tuple(scores[face]))
    if time is None:  # nothing says which rows of two faces belong to one frame
        times = faces[chosen]
    absent = [0.0] * len(present)
    features = np.array([faces[chosen].get(at, absent) for at in times], "float32")
    if len(faces) == 1:
        return features, {}
    detail = (
        f"{path} (face {chosen:g} of {len(faces)} faces, confident in {scores[chosen][0]:g} of "
        f"{len(times)} frames)"
    )
    return features, {SEVERAL_FACES: detail}


def _header_and_rows(path):
    """Give the names of the columns, and pairs of line and cells."""
    lines = read_text(path).splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip()), 0)
    first = lines[start] if lines else ""
    delimiter = ";" if ";" in first else ","
    names = [name.strip() for name in first.split(delimiter)]
    rows = [
        (number, split_rows(line, path, delimiter)[0])
        for number, line in enumerate(lines[start + 1 :], start + 2)
        if line.strip()
    ]
    return names, rows


def _units(names, path):
    # A table has all intensities or none, and all presences or none.
    groups = [g for g in (_INTENSITIES, _PRESENCES) if set(g) & set(names)]
    units = tuple(unit for group in groups for unit in group)
    missing = [unit for unit in units or UNITS if unit not in names]
    if missing:
        raise ValueError(
            "expected a table of OpenFace with 35 action units, or with all 17 intensities or all "
            f"18 presences of them. Received: {str(path)!r} without {', '.join(missing[:3])}"
            f"{' and others' if len(missing) > 3 else ''}. Extract it again with OpenFace's option "
            "-aus."
        )
    return units


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        if _NOT_FINITE.fullmatch(cell.strip()):
            return np.nan
        raise
