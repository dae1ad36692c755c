"""Entries are trained, or loaded, on one data set and put into one table."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import recipes, zoo
from kerasfuse.analysis import multiply_adds
from kerasfuse.cli import app
from kerasfuse.recipes.comparison import comparing

FLOORS = {"ridge regression on averages", "logistic regression on averages"}
FIRST, SECOND = tiny_zoo.NAME, "wider_simulated"


@pytest.fixture
def names(monkeypatch, tmp_path):
    """A zoo of two entries that differ in their width."""
    path = tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    text = path.read_text().replace(FIRST, SECOND).replace("dim = 4", "dim = 6")
    path.with_name(f"{SECOND}.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return [FIRST, SECOND]


def spied(monkeypatch, name):
    """Return a list that gets what a function of `comparing` returns, call by call."""
    returned, real = [], getattr(comparing, name)

    def spy(*arguments):
        returned.append(real(*arguments))
        return returned[-1]

    monkeypatch.setattr(comparing, name, spy)
    return returned


def test_two_entries_are_trained_and_ranked(names, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # so that no heading is broken
    columns = ("training_speed", "inference_speed")
    measured = {column: spied(monkeypatch, column) for column in columns}
    overrides = {"epochs": 1}
    found = recipes.compare(names, seeds=[1, 2], overrides=overrides, verbose=0)
    assert found.metric == "mae" and found.data == "simulated"
    assert sorted(row.name for row in found.rows) == sorted(names)
    best, other = found.rows
    assert best.numbers["mean"] <= other.numbers["mean"]
    assert best.p_value is None and 0 <= other.p_value <= 1
    for row in found.rows:
        run = recipes.read_run(row.name, f"runs/{row.name}")
        assert row.per_seed == {s: run.seeds[s]["test"]["mae"] for s in (1, 2)}
        assert row.parameters == run.first["parameters"]
        assert row.multiply_adds == multiply_adds(run.entry.build(), found.steps)
        for column, speeds in measured.items():
            assert getattr(row, column) == speeds[names.index(row.name)]
    line = found.markdown().splitlines()[2]
    assert line.startswith(f"| `{best.name}` | {best.numbers['mean']:.3f}")

    # The command finds the runs, draws them, and writes the table into a page.
    pytest.importorskip("matplotlib")
    command = ["compare", *names, "--seeds", "1,2", "--set", "epochs=1", "--figure", "found.svg"]
    page = pathlib.Path("page.md")
    page.write_text(
        "Above.\n<!-- compare simulated:begin -->\nold\n<!-- compare simulated:end -->\n"
    )
    command += ["--readme", str(page)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "already finished" in result.output and "p of a paired test" in result.output
    assert "SIMULATED" in result.output
    assert pathlib.Path("found.svg").read_text(encoding="utf-8").startswith("<?xml")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Above.") and line.split(" | p ")[0][:30] in text and "old" not in text


def test_what_is_recorded_is_not_trained_again(names, monkeypatch):
    entry = zoo.entry(FIRST)
    recorded = {"seeds": [1, 2], "test": {"mae": {"per_seed": [0.5, 0.7], "mean": 0.6}}}
    entries = {FIRST: dataclasses.replace(entry, results={**recorded, "parameters": 1})}
    entries[SECOND] = dataclasses.replace(entries[FIRST], name=SECOND)
    monkeypatch.setattr(zoo, "entry", entries.__getitem__)
    monkeypatch.setattr(comparing, "train", None)
    found = recipes.compare(names)
    assert [row.per_seed for row in found.rows] == [{1: 0.5, 2: 0.7}] * 2
    assert found.rows[1].p_value == 1.0 and found.rows[0].is_recorded


def test_recipes_that_balance_show_what_each_modality_is_worth(names, monkeypatch):
    entry = zoo.entry(FIRST)
    scores = {"mae": [0.5, 0.7], "mae_text": [0.9, 1.1], "strength_text": [0.2, 0.4]}
    scores |= {"mae_audio": [1.0, 1.0], "mae_concept_text": [2.0, 2.0]}
    test = {m: {"per_seed": values} for m, values in scores.items()}
    results = {"seeds": [1, 2], "test": test, "parameters": 1}
    entries = {FIRST: dataclasses.replace(entry, results=results)}
    less = {**results, "test": {m: found for m, found in test.items() if m != "mae_audio"}}
    entries[SECOND] = dataclasses.replace(entry, name=SECOND, results=less)
    monkeypatch.setattr(zoo, "entry", entries.__getitem__)
    found = recipes.compare(names)
    assert found.columns[2:6] == ("p", "mae_text", "strength_text", "parameters")
    *models, floor = found.table()
    assert [row[3:5] for row in models] == [("1.000 ± 0.141", "0.300 ± 0.141")] * 2
    assert floor[3:5] == ("-", "-") and len(floor) == len(models[0])
    assert "strength_m" in found.caption()


def test_another_data_set_takes_the_place_of_the_entries_own(names, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "samples").mkdir()
    for split in ("train", "validation", "test"):
        arrays = {m: rng.normal(size=(8, 4, 3)).astype("float32") for m in ("words", "pulse")}
        np.savez(tmp_path / "samples" / f"{split}.npz", labels=rng.normal(size=8), **arrays)
    found = recipes.compare(
        names,
        data="own",
        data_dir=tmp_path / "samples",
        seeds=[1],
        overrides={"epochs": 1},
        verbose=0,
    )
    assert found.data == "own" and found.steps == {"words": 4, "pulse": 4}
    assert found.rows[1].p_value is None
    for row in found.rows:
        folder = tmp_path / "runs" / f"{row.name}_on_samples"
        results = json.loads((folder / "seed_1/results.json").read_text())
        assert row.per_seed == {1: results["test"]["mae"]}


def test_what_cannot_be_compared_is_told(names):
    with pytest.raises(ValueError, match="two or more"):
        recipes.compare(names[:1])
    with pytest.raises(ValueError, match="metric='accuracy'"):
        recipes.compare(names, metric="accuracy")
    path = zoo.folder() / f"{SECOND}.toml"
    path.write_text(path.read_text().replace("num_samples = 24", "num_samples = 36"))
    with pytest.raises(ValueError, match="one data set"):
        recipes.compare(names)


@pytest.mark.parametrize("data", ["mosi_utterance", "ravdess", "av_mnist"])
def test_the_tables_of_the_pages_have_the_recorded_scores(data):
    page = pathlib.Path(__file__).parents[2] / "docs" / "results" / f"{data}.md"
    text = page.read_text(encoding="utf-8")
    table = text.split(f"<!-- compare {data}:begin -->")[1].split("<!-- compare")[0]
    table = table.replace("`", "")
    lines = [line.strip("| ").split(" | ") for line in table.strip().splitlines()]
    columns = lines[0]
    rows = {line[0]: dict(zip(columns, line, strict=True)) for line in lines[2:] if len(line) > 1}
    # Those of other modalities of the data set have another task.
    read = zoo.entry(lines[2][0]).data_args.get("modalities")
    entries = [
        entry
        for entry in zoo.entries(data=data)
        if entry.recorded
        and entry.recipe.score == "accuracy"
        and entry.data_args.get("modalities") == read
    ]
    assert set(rows) - FLOORS == {entry.name for entry in entries}
    for entry in entries:
        row = rows[entry.name]
        wanted = {
            "test score": zoo.spread("accuracy", entry.results["test"]["accuracy"]),
            "parameters": f"{entry.results['parameters']:,}",
        }
        wanted |= {m: zoo.spread(m, entry.results["test"][m]) for m in columns if "_" in m}
        assert {column: row[column] for column in wanted} == wanted, (
            f"out of date: kerasfuse compare ... --readme docs/results/{page.name}"
        )


def test_finished_runs_are_compared_as_they_are(names, monkeypatch):
    runs = [recipes.train(name, f"my/{name}", [1, 2], {"epochs": 1}, verbose=0) for name in names]
    monkeypatch.setattr(comparing, "train", lambda *_, **__: pytest.fail("trained anew"))
    found = recipes.compare([str(run.folder) for run in runs])
    by_name = {row.name: row for row in found.rows}
    for run in runs:
        row = by_name[str(run.folder)]
        assert row.per_seed == {seed: run.seeds[seed]["test"]["mae"] for seed in (1, 2)}
        assert row.parameters == run.first["parameters"] and not row.is_recorded
    # What would need another training is refused.
    with pytest.raises(ValueError, match="finished without overrides, seeds and trials"):
        recipes.compare([str(run.folder) for run in runs], seeds=[3])
