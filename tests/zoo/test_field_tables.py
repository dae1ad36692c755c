"""Tables with the metrics of the field, from entries with made-up results."""

import dataclasses
import pathlib
import shutil

import pytest
import tiny_zoo

from kerasfuse import zoo
from kerasfuse.entries.citations import Published
from kerasfuse.zoo import field_tables

ROOT = pathlib.Path(__file__).parents[2]
NAMES = ("mae", "corr", "acc2_has0", "acc2_non0", "f1_has0", "f1_non0", "acc7")


@pytest.fixture
def entry(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    return zoo.entry(tiny_zoo.NAME)


def scores(value, **more):
    return {name: {"mean": value, "sd": 0.01, "baseline": 0.4, **more} for name in NAMES}


def both(validation, test, **more):
    return {"validation": scores(validation, **more), "test": scores(test, **more)}


def recorded(entry, name, validation, test, alone=None, published=(), data="mosi_words"):
    rows = [] if alone is None else [{"label": "text alone", "test": scores(alone, p=0.25)}]
    results = {"seeds": [1], "validation": scores(validation), "test": scores(test), "rows": rows}
    made = dataclasses.replace(entry, name=name, results=results)
    # Past the checks: simulated data quote no paper.
    object.__setattr__(made, "data_name", data)
    object.__setattr__(made, "published", list(published))
    return made


def cells(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_entries_stand_by_their_validation_error_over_the_constant(entry):
    entries = [
        recorded(entry, "worse", 0.9, 0.7),
        recorded(entry, "better", 0.8, 0.75),
        recorded(entry, "elsewhere", 0.1, 0.1, data="mosi"),
    ]
    rows = cells(field_tables.by_validation(entries, "mosi_words"))
    assert [row[0] for row in rows] == ["`better`", "`worse`", "constant"]
    assert rows[0][1:5] == [
        "0.800 ± 0.010",
        "0.750 ± 0.010",
        "0.750 ± 0.010",
        "75.0 ± 1.0 / 75.0 ± 1.0",
    ]
    assert rows[2][1:5] == ["0.400", "0.400", "0.400", "40.0 / 40.0"]


def test_text_alone_stands_beside_all_modalities(entry):
    entries = [recorded(entry, "fused", 0.9, 0.7, alone=0.6), recorded(entry, "single", 0.9, 0.7)]
    rows = cells(field_tables.beside_text_alone(entries, "mosi_words"))
    assert rows == [
        ["`fused`", "0.700 ± 0.010", "0.600 ± 0.010", "0.250", "70.0 ± 1.0", "60.0 ± 1.0", "0.250"]
    ]


def test_ablations_stand_under_the_result_that_they_change(entry):
    made = recorded(entry, "fused", 0.9, 0.7, alone=0.6)
    made.results["seeds"] = [1, 2, 3, 4, 5]
    made.results["rows"] += [
        {"table": "Table 5", "label": "a", "seeds": [1, 2, 3]} | both(0.6, 0.5, p=0.125),
        {"table": "Table 4, fixed", "label": "b", "seeds": [1]} | both(0.3, 0.4),
    ]
    plain = recorded(entry, "without rows", 0.9, 0.7, alone=0.6)
    rows = cells(field_tables.ablations([made, plain], "mosi_words"))
    assert rows == [
        ["`fused`", "as it is", "0.900 ± 0.010", "0.700 ± 0.010", "-", "70.0 ± 1.0", "-", "5"],
        ["", "Table 5: a", "0.600 ± 0.010", "0.500 ± 0.010", "0.125", "50.0 ± 1.0", "0.125", "3"],
        ["", "Table 4: b", "0.300 ± 0.010", "0.400 ± 0.010", "-", "40.0 ± 1.0", "-", "1"],
    ]
    assert cells(field_tables.ablations([made], "mosi")) == []


def test_one_change_in_several_entries_stands_in_one_line(entry):
    first, second = (recorded(entry, name, 0.9, 0.7) for name in ("first", "second"))
    second.results["validation"]["loss"] = {"mean": 1.9}
    a, b = both(0.6, 0.5, p=0.125), both(0.3, 0.4)
    b["validation"]["loss"] = {"mean": 1.25, "sd": 0.5}
    first.results["rows"] += [
        {"table": "Table 5", "label": "a"} | a,
        {"table": "Table 4", "label": "c"} | a,
    ]
    second.results["rows"] += [
        {"table": "Table 5", "label": "b"} | b,
        {"table": "Table 5", "label": "a"} | b,
    ]
    table = field_tables.side_by_side([first, second], "Table 5")
    assert f"| changed | `first`, {entry.recipe.loss} | `second`, loss |" in table
    assert cells(table) == [
        ["as it is", "0.900 ± 0.010", "1.900"],
        ["a", "0.600 ± 0.010 (0.125)", "1.250 ± 0.500"],
        ["b", "-", "1.250 ± 0.500"],
    ]


def test_figures_of_papers_are_joined_by_model_and_source(entry, tmp_path):
    shutil.copy(ROOT / "zoo" / "published_baselines.csv", tmp_path / "zoo")
    figures = [
        Published("Ours", "acc2_non0", 0.99, "Table 1"),
        Published("Ours", "mae", 0.5, "Table 1"),
        Published("Ours", "acc2_non0", 0.98, "Table 2"),
    ]
    rows = cells(
        field_tables.as_printed([recorded(entry, "e", 1, 1, published=figures)], "mosi_words")
    )
    assert rows[0] == ["Ours", "0.500", "-", "- / 99.0", "- / -", "-", "Table 1"]
    assert rows[1] == ["Ours", "-", "-", "- / 98.0", "- / -", "-", "Table 2"]
    named = {row[0] for row in rows}
    assert named - {"Ours"} <= {row["model"] for row in zoo.published_baselines("mosi")}
    assert "RAVEN" in named and "bc-LSTM" not in named, "bc-LSTM prints none of these metrics"
