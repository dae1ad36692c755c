"""One's own data as a user has them: a table, and files that it names."""

import csv

import numpy as np

WIDTHS = {"speech": 4, "pulse": 2}
KINDS = ("number", "numbers", "binary", "integers", "classes", "multilabel")


def labels_of(kind, signal):
    """Return label columns, name -> cells, that a signal `(samples,)` decides."""
    rank = np.argsort(np.argsort(signal))
    third = rank * 3 // len(rank)
    other = np.roll(signal, 1)
    return {
        "number": {"label": 100 + 10 * signal},
        "numbers": {"label_calm": signal, "label_open mind": 50 - 20 * signal},
        "binary": {"label": (signal > 0).astype(int)},
        "integers": {"label": third + 1},
        "classes": {"label": np.array(["sad", "glad", "mad"])[third]},
        "multilabel": {
            "label_joy": (signal > 0).astype(int),
            "label_fear": (other > 0.5).astype(int),
        },
    }[kind]


def write(folder, kind="number", count=60, seed=0, splits=True, change=None, factor=1.0):
    """Write `samples.csv` and its files; the mean of `speech` decides the label.

    Args:
        folder: where.
        kind: one of `KINDS`.
        count: number of samples.
        seed: of the values.
        splits: whether there is a column `split`.
        change: function of the rows, a list of dicts, before they are written.
        factor: by which features are multiplied.

    Returns:
        Path of the table.
    """
    rng = np.random.default_rng(seed)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    signal = rng.normal(size=count)
    columns = labels_of(kind, signal)
    rows = []
    for i in range(count):
        row = {"id": f"s{i}"}
        for name, cells in columns.items():
            row[name] = str(cells[i])
        for name, width in WIDTHS.items():
            x = rng.normal(size=(int(rng.integers(3, 9)), width))
            if name == "speech":
                x += 2 * signal[i]
            row[name] = f"files/{name}-{i}.npy"
            np.save(folder / row[name], factor * x)
        row["speaker"] = f"p{i // 4}"
        if splits:
            row["split"] = "test" if i % 5 == 4 else "validation" if i % 5 == 3 else "train"
        rows.append(row)
    if change:
        change(rows)
    path = folder / "samples.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
