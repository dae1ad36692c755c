"""What the tests of several recipes ask of the folder of a run."""

import csv

import pytest


class Killed(BaseException):
    """What no code catches."""


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def history(folder):
    """Return the rows of history.csv without what a clock says."""
    rows = _rows(folder)
    for row in rows:
        del row["seconds"]
    return rows


def seconds(folder):
    """Return the seconds of every epoch of history.csv."""
    return [float(row["seconds"]) for row in _rows(folder)]


def _rows(folder):
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_same_run(found, wanted, seed=1, rel=1e-5):
    mine, other = (run.folder / f"seed_{seed}" for run in (found, wanted))
    assert files(mine) == files(other)
    for row, reference in zip(history(mine), history(other), strict=True):
        for name in reference:
            assert float(row[name]) == pytest.approx(float(reference[name]), rel=rel, abs=rel / 10)
    for key, value in wanted.seeds[seed].items():
        if isinstance(value, float | int) and key not in ("seconds", "peak_memory"):
            assert found.seeds[seed][key] == pytest.approx(value, rel=rel)
    assert found.seeds[seed]["test"] == pytest.approx(wanted.seeds[seed]["test"], rel=10 * rel)
