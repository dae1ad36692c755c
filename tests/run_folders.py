"""What tests of training look at in a run folder."""

import csv

import pytest


class Killed(BaseException):
    """What no code catches."""


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def history(folder):
    """Return the rows of history.csv without what a clock says."""
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return rows


def assert_same_run(found, wanted, seed=1):
    mine, other = (run.folder / f"seed_{seed}" for run in (found, wanted))
    assert files(mine) == files(other)
    for row, reference in zip(history(mine), history(other), strict=True):
        for name in reference:
            assert float(row[name]) == pytest.approx(float(reference[name]), rel=1e-5, abs=1e-6)
    for results in (found.seeds[seed], wanted.seeds[seed]):
        results["seconds"] = results["peak_memory"] = 0
    for key, value in wanted.seeds[seed].items():
        if isinstance(value, float | int):
            assert found.seeds[seed][key] == pytest.approx(value, rel=1e-5)
    assert found.seeds[seed]["test"] == pytest.approx(wanted.seeds[seed]["test"], rel=1e-4)
