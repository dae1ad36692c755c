"""Scores where modalities are absent: in Python, in the command, in the entry and on the card."""

import numpy as np
import pytest
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import datasets, recipes, zoo
from kerasfuse.cli import app
from kerasfuse.recipes.shipping.absent import Lacking

pytestmark = pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
BOTH = ("text", "audio")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        tiny_zoo.use(patch, tmp_path_factory.mktemp("zoo"))
        yield recipes.train(tiny_zoo.NAME, tmp_path_factory.mktemp("run") / "run", verbose=0)


@pytest.fixture
def path(monkeypatch, tmp_path, run):
    path = tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    recipes.record(tiny_zoo.NAME, run)
    return path


def evaluate(*options):
    return CliRunner().invoke(app, ["evaluate", tiny_zoo.NAME, *options])


def test_what_is_absent_is_zeros_in_every_sample(path):
    found = recipes.evaluate_without(tiny_zoo.NAME, ["text", list(BOTH)])
    assert list(found) == ["text", "text,audio"]
    entry = zoo.entry(tiny_zoo.NAME)
    test = recipes.scoring.load_split(entry, "test", shuffle=False)
    model = zoo.load(tiny_zoo.NAME)
    for absent, scores in found.items():
        outputs = []
        for inputs, _ in (test[i] for i in range(len(test))):
            changed = {m: x * (m not in absent.split(",")) for m, x in inputs.items()}
            outputs.append(np.asarray(model.predict_on_batch(changed)))
        error = np.abs(np.concatenate(outputs).ravel() - test.labels.ravel()).mean()
        assert scores["mae"] == pytest.approx(error, abs=1e-5)
    assert found["text"] != found["text,audio"] != recipes.evaluate(tiny_zoo.NAME)[0]


def test_samples_that_have_nothing_else_are_counted():
    x = np.ones((4, 2, 3), "float32")
    a, b = x.copy(), x.copy()
    a[0], b[1] = 0, 0
    batches = datasets.Batches({"a": a, "b": b}, np.zeros(4, "float32"), shuffle=False)
    assert (Lacking(batches, ["a"]).empty, Lacking(batches, ["b"]).empty) == (1, 1)
    (inputs, _) = Lacking(batches, ["a"])[0]
    assert not inputs["a"].any() and (inputs["b"] == b).all() and a.any()
    pictures = datasets.Batches(
        {"a": a, "b": np.ones((4, 2, 2, 1), "float32")}, np.zeros(4, "float32"), shuffle=False
    )
    assert Lacking(pictures, ["a"]).empty == 0


def test_names_that_cannot_be_left_out(path):
    with pytest.raises(ValueError, match="without to be one of .*text.*'face'"):
        recipes.evaluate_without(tiny_zoo.NAME, ["face"])
    with pytest.raises(ValueError, match="to keep some of.*Received: text, audio, vision"):
        recipes.evaluate_without(tiny_zoo.NAME, [("text", "audio", "vision")])
    before = path.read_text()
    result = evaluate("--record", "--without", "face")
    assert result.exit_code == 2 and "'face'" in result.stderr and path.read_text() == before


def test_the_command_shows_a_column_for_each(path):
    result = evaluate("--without", "text", "--without", "text, audio")
    assert result.exit_code == 0, result.output
    table = result.stdout.partition("modalities absent")[2]
    assert "with all" in table and "without text,audio" in " ".join(table.split())
    row = next(line for line in table.splitlines() if line.strip().startswith("mae"))
    found = recipes.evaluate_without(tiny_zoo.NAME, ["text", BOTH])
    wanted = [recipes.evaluate(tiny_zoo.NAME)[0], *found.values()]
    assert [float(x) for x in row.split()[1:]] == pytest.approx(
        [x["mae"] for x in wanted], abs=1e-3
    )
    assert "results.absent" not in path.read_text()


def test_rows_are_recorded_shown_and_scored_anew(path, run):
    result = evaluate("--record", "--without", "text", "--without", "text,audio")
    assert result.exit_code == 0, result.output
    found = recipes.evaluate_without(tiny_zoo.NAME, ["text", BOTH])
    rows = zoo.entry(tiny_zoo.NAME).results["absent"]
    assert [row["modalities"] for row in rows] == [["text"], list(BOTH)]
    for row, scores in zip(rows, found.values(), strict=True):
        assert row["test"] == {metric: round(x, 6) for metric, x in scores.items()}
    card = zoo.card(tiny_zoo.NAME)
    section = card.partition("### Where modalities are absent")[2]
    assert "text, audio" in section and "nothing" in section
    # Weights that take the place of these have rows of their own.
    zoo.write(
        tiny_zoo.NAME,
        results=zoo.entry(tiny_zoo.NAME).results
        | {"absent": [{"modalities": ["text"], "test": {"mae": 9.0}}]},
    )
    recipes.record(tiny_zoo.NAME, run)
    (row,) = zoo.entry(tiny_zoo.NAME).results["absent"]
    assert row["test"] == rows[0]["test"]
    recipes.record_weights(tiny_zoo.NAME, absent=["vision"])
    rows = zoo.entry(tiny_zoo.NAME).results["absent"]
    assert [row["modalities"] for row in rows] == [["text"], ["vision"]]
