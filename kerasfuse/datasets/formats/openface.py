"""The tables of OpenFace: action units of a face, frame by frame."""

import csv

import numpy as np

_INTENSITIES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
_PRESENCES = (*_INTENSITIES[:-1], 28, 45)
UNITS = (*(f"AU{i:02d}_r" for i in _INTENSITIES), *(f"AU{i:02d}_c" for i in _PRESENCES))


def read_units(path):
    """Read the action units of an OpenFace table; a frame without a face is 0.

    Args:
        path: a `.csv` with `,` or `;` between the columns, which are found by their names.

    Returns:
        float32 `(frames, 35)`: 17 intensities and 18 presences, in the order of `UNITS`.

    Raises:
        ValueError: for a table without them, with the line where one has no number.
    """
    with open(path, encoding="utf-8", newline="") as file:
        first = file.readline()
        delimiter = ";" if ";" in first else ","
        names = [name.strip() for name in first.split(delimiter)]
        missing = [unit for unit in UNITS if unit not in names]
        if missing:
            raise ValueError(
                f"expected a table of OpenFace with 35 action units. Received: {str(path)!r} "
                f"without {', '.join(missing[:3])}{' and others' if len(missing) > 3 else ''}"
            )
        columns = [names.index(unit) for unit in UNITS]
        success = names.index("success") if "success" in names else None
        frames = []
        for line, row in enumerate(csv.reader(file, delimiter=delimiter), 2):
            try:
                seen = success is None or float(row[success]) > 0
                frames.append([float(row[i]) if seen else 0.0 for i in columns])
            except (ValueError, IndexError) as error:
                raise ValueError(
                    f"expected {len(names)} numbers in line {line} of {path}. Received: {error}"
                ) from error
    return np.array(frames, "float32").reshape(-1, len(UNITS))
