"""Predictions as a table: ids, names of classes, probabilities; from whatever train takes."""

import csv
import json

import numpy as np
import own_files
import pytest
from typer.testing import CliRunner

from kerasfuse import recipes, zoo
from kerasfuse.cli import app

pytestmark = pytest.mark.filterwarnings(
    "ignore::kerasfuse.recipes.tasks.checks.DataWarning",
    "ignore::kerasfuse.zoo.WeightTermsWarning",
)
FAST = {"epochs": 1, "dim": 4, "rank": 2}


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def run_on(folder, kind):
    data = own_files.write(folder / "data", kind)
    return data, recipes.train(
        "LMF", folder / "run", seeds=[1], verbose=0, data=data, overrides=FAST
    )


@pytest.mark.parametrize("kind", own_files.KINDS)
def test_what_outputs_mean(tmp_path, kind):
    data, run = run_on(tmp_path, kind)
    found = recipes.predict_table(run.folder, data)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [row["sample"] for row in rows][:2] == ["s0", "s1"] and len(rows) == 60
    if kind in ("integers", "classes"):
        names = run.entry.recipe.targets
        for row in rows:
            logits = np.array([row[f"score_{name}"] for name in names])
            wanted = np.exp(logits) / np.exp(logits).sum()
            shares = [row[f"probability_{name}"] for name in names]
            np.testing.assert_allclose(shares, wanted, rtol=1e-9)
            assert row["class"] == names[int(wanted.argmax())]
    elif kind == "binary":
        for row in rows:
            assert row["probability"] == pytest.approx(1 / (1 + np.exp(-row["score"])))
            assert row["class"] == int(row["score"] > 0)
    elif kind == "multilabel":
        for row in rows:
            assert row["probability_joy"] == pytest.approx(1 / (1 + np.exp(-row["score_joy"])))
    elif kind == "numbers":
        assert found.columns == ("sample", "score_calm", "score_open_mind")
    else:
        assert found.columns == ("sample", "score")
        # In the labels' units, as the run scored them.
        with np.load(run.folder / "seed_1" / "predictions.npz") as kept:
            wanted = dict(zip(kept["ids"].tolist(), kept["outputs"][:, 0], strict=True))
        for row in rows:
            if row["sample"] in wanted:
                assert row["score"] == pytest.approx(wanted[row["sample"]], rel=1e-4)


def test_the_command_takes_tables_and_arrays(tmp_path, monkeypatch):
    data, run = run_on(tmp_path, "classes")
    output = tmp_path / "out.csv"
    result = CliRunner().invoke(
        app, ["predict", str(run.folder), str(data), "--output", str(output)]
    )
    assert result.exit_code == 0, result.stderr
    with open(output, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60 and {row["class"] for row in rows} <= {"glad", "mad", "sad"}
    # A table of new samples has no labels, and may lack a modality in some rows.
    lines = data.read_text().splitlines()
    names = lines[0].split(",")
    keep = [i for i, name in enumerate(names) if name not in ("label", "split")]
    (data.parent / "new.csv").write_text(
        "\n".join(",".join(line.split(",")[i] for i in keep) for line in lines[:4]) + "\n"
    )
    json_file = tmp_path / "out.json"
    result = CliRunner().invoke(
        app, ["predict", str(run.folder), str(data.parent / "new.csv"), "--output", str(json_file)]
    )
    assert result.exit_code == 0, result.stderr
    again = json.loads(json_file.read_text())
    assert [row["sample"] for row in again] == ["s0", "s1", "s2"]
    assert again[0]["score_mad"] == pytest.approx(float(rows[0]["score_mad"]), rel=1e-4)
    rng = np.random.default_rng(0)
    arrays = {m: rng.normal(size=(3, 4, w)) for m, w in own_files.WIDTHS.items()}
    np.savez(
        tmp_path / "a.npz", ids=["x", "y", "z"], labels=["mad"] * 3, speaker=["p"] * 3, **arrays
    )
    result = CliRunner().invoke(app, ["predict", str(run.folder), str(tmp_path / "a.npz")])
    assert result.exit_code == 0, result.stderr
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["sample", "x", "y", "z"]


def test_other_data_are_scored_by_the_names_of_the_classes(tmp_path):
    _, run = run_on(tmp_path, "classes")
    other = own_files.write(
        tmp_path / "other",
        "classes",
        count=20,
        change=lambda rows: [row.update(label="sad") for row in rows if row["label"] == "mad"],
        splits=False,
    )
    scores, _ = recipes.evaluate(run.folder, "everything", data=other)
    table = recipes.predict_table(run.folder, other)
    with open(other, newline="") as file:
        truth = {row["id"]: row["label"] for row in csv.DictReader(file)}
    said = {row[0]: row[1] for row in table.rows}
    right = np.mean([said[name] == truth[name] for name in truth])
    assert scores["accuracy"] == pytest.approx(right)
    with pytest.raises(ValueError, match="one of the classes glad, mad, sad"):
        bad = own_files.write(
            tmp_path / "bad", "classes", change=lambda rows: rows[0].update(label="bad")
        )
        recipes.evaluate(run.folder, data=bad)


def test_entries_of_ones_own(tmp_path, monkeypatch):
    data = own_files.write(tmp_path / "data", "classes")
    entry = recipes.new_entry(tmp_path / "zoo" / "mine.toml", "LMF", data, overrides=FAST)
    text = (tmp_path / "zoo" / "mine.toml").read_text()
    assert "# How it is trained." in text and entry.name == "mine"
    monkeypatch.setenv("KERASFUSE_ZOO", f"{tmp_path / 'nothing'}:{tmp_path / 'zoo'}")
    assert "mine" in zoo.names() and [e.name for e in zoo.entries("mine*")] == ["mine"]
    assert zoo.card("mine").startswith("# mine: LMF")
    run = recipes.train("mine", tmp_path / "run", seeds=[1], verbose=0, data_dir=data)
    recipes.record("mine", run, data_dir=data)
    assert (tmp_path / "zoo" / "mine.weights.h5").is_file()
    assert zoo.load("mine").modalities == own_files.WIDTHS
    # By its path, without the variable.
    monkeypatch.delenv("KERASFUSE_ZOO")
    path = tmp_path / "zoo" / "mine.toml"
    assert zoo.load(path).modalities == own_files.WIDTHS
    assert zoo.entry(str(path)).recorded
    with pytest.raises(ValueError, match="which is there already"):
        recipes.new_entry(path, "LMF", data)
    with pytest.raises(FileNotFoundError, match="kerasfuse new .*none.toml --from NAME"):
        zoo.entry(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="data beside the class"):
        recipes.new_entry(tmp_path / "other.toml", "LMF")


def test_the_command_that_is_told_trains_the_new_entry(tmp_path, monkeypatch):
    own_files.write(tmp_path, "classes")
    monkeypatch.chdir(tmp_path)
    options = ["--data", "samples.csv", "--set", "epochs=1", "--set", "dim=4", "--set", "rank=2"]
    told = CliRunner().invoke(app, ["new", "mine.toml", "--from", "LMF", *options])
    command = told.output.partition("Train it: kerasfuse ")[2].split()
    trained = CliRunner().invoke(app, [*command, "--seeds", "1"])
    assert trained.exit_code == 0, trained.output
    assert zoo.entry("runs/mine").recorded


def test_options_of_data_need_data(tmp_path):
    for arguments, message in (
        (["train", "LMF", "--folds", "5"], "--data beside --folds"),
        (["train", "LMF", "--data", "mosi", "--folds", "5"], "of your own files"),
        (["train", "LMF", "--data", str(tmp_path / "no.csv")], "which is not there"),
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2 and message in result.stderr, result.stderr
