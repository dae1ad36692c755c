"""The tables of the entries that pages show."""

import copy
import dataclasses

import pytest
import tiny_zoo

from kerasfuse import zoo
from kerasfuse.zoo import tables


@pytest.fixture
def entry(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    return zoo.entry(tiny_zoo.NAME)


def scored(entry, name, data, metric, mean, model="MICA"):
    """The entry under another name, with a result, or none, on another data set."""
    results = {} if mean is None else {"seeds": [1], "test": {metric: {"mean": mean}}}
    made = dataclasses.replace(entry, name=name, results=results)
    # Past the checks: another model, data set and score would want other arguments.
    recipe = copy.copy(entry.recipe)
    object.__setattr__(recipe, "score", metric)
    for field, value in (("model_class", model), ("data_name", data), ("recipe", recipe)):
        object.__setattr__(made, field, value)
    return made


def test_each_model_shows_its_best_result_on_real_data(entry):
    rows = [
        scored(entry, "a", "mosi", "mae", 0.9),
        scored(entry, "b", "ravdess", "acc7", 0.5),
        scored(entry, "c", "sims", "acc7", 0.7),
        scored(entry, "d", "simulated", "acc7", 0.9),
        scored(entry, "e", "mosi", "mae", 0.9, "MulT"),
        scored(entry, "f", "mosi", "mae", 0.8, "MulT"),
        entry,  # without a result
    ]
    alone = scored(entry, "g", "mosi", "acc7", 0.9)
    object.__setattr__(alone, "model_args", {"modalities": {}, "encoders": {"text": {}}})
    rows.append(alone)
    lines = tables.best_results(rows).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| `MICA`", "| `MulT`"]
    assert lines[2].endswith("| acc7 70.0 (1 seed) | `sims` | `c` |")
    assert lines[3].endswith("| mae 0.800 (1 seed) | `mosi` | `f` |")


def test_entries_of_a_data_set_stand_best_first(entry):
    rows = [
        scored(entry, "a", "mosi", "acc7", 0.4),
        scored(entry, "b", "mosi", "acc7", 0.6),
        scored(entry, "c", "ravdess", "mae", 0.9),
        scored(entry, "d", "ravdess", "mae", 0.8),
        entry,
        scored(entry, "e", "mosi", "acc7", None),
    ]
    text = tables.by_data_set(rows)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "## mosi",
        "## ravdess",
        "## simulated",
    ]
    names = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert names == ["b", "a", "e", "d", "c", tiny_zoo.NAME]


def test_both_tables_are_written_where_their_marks_are(entry, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- zoo:begin --><!-- zoo:end -->\n<!-- entries:begin -->old<!-- entries:end -->\n"
    )
    zoo.update_readme(page)
    text = page.read_text()
    assert "best real result" in text and f"| `{tiny_zoo.NAME}` |" in text and "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="expected the marks .*page.md"):
        zoo.update_readme(page)
    assert page.read_text() == "no marks"
