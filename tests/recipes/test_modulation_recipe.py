"""A recipe that balances the modalities of its model trains, scores each of them, and records."""

import csv
import json

import h5py
import numpy as np
import pytest
import tiny_zoo

from kerasfuse import recipes, zoo
from kerasfuse.cli import tables
from kerasfuse.recipes import modulation, scoring

MODULATION = """
[recipe.modulation]
strategy = "AGM"
alpha = 1.0
"""
CHANGES = [
    ('class = "MICA"', 'class = "LateFusion"'),
    ('loss = "mae"', 'loss = "mae"\nconcepts = { epochs = 1 }'),
]


def _weights(path):
    """Give the arrays of a weight file, as lists, by their places in it."""
    found = {}

    def keep(place, node):
        if isinstance(node, h5py.Dataset):
            found[place] = node[()].tolist()

    with h5py.File(path) as file:
        file.visititems(keep)
    return found


@pytest.fixture(scope="module")
def entry_text():
    lines, skipping = [], False
    for line in tiny_zoo.ATTENTIVE.splitlines():
        if line.startswith("["):
            skipping = line == "[model.args]"
            if skipping:
                lines += [
                    "[model.args]",
                    "modalities = { text = 300, audio = 5, vision = 20 }",
                    "[model.args.encoders]",
                    *(
                        f"{m} = {{ class = 'TransformerEncoder', dim = 2, num_layers = 1, "
                        "num_heads = 1, dropout = 0.0 }"
                        for m in ("text", "audio", "vision")
                    ),
                    "",
                ]
                continue
        if not skipping:
            lines.append(line)
    text = "\n".join(lines)
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new, 1)
    assert "[weights]" in text
    return text.replace("[weights]", f"{MODULATION}\n[weights]", 1)


def test_every_modality_is_scored_and_recorded(monkeypatch, tmp_path, entry_text, capsys):
    path = tiny_zoo.use(monkeypatch, tmp_path / "zoo", entry_text)
    run = recipes.train(tiny_zoo.NAME, tmp_path / "run", [1], {"epochs": 1}, verbose=0)
    results = json.loads((run.folder / "seed_1" / "results.json").read_text())
    names = ["text", "audio", "vision"]
    for split in ("validation", "test"):
        assert all(np.isfinite(results[split][f"mae_{m}"]) for m in names)
    assert all(results["test"][f"strength_{m}"] > 0 for m in names)
    assert "strength_text" not in results["validation"]
    with open(run.folder / "seed_1" / "history.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert {"coefficient_text", "ratio_audio", "error_vision"} <= set(row)
    assert zoo.load(tiny_zoo.NAME, run.folder / "seed_1" / "best.weights.h5").built

    # Whatever random numbers were drawn before: all strategies are measured by one concept.
    entry = zoo.entry(tiny_zoo.NAME).override({"epochs": 1})
    splits = {split: scoring.load_split(entry, split, seed=1) for split in scoring.SPLITS}
    model = zoo.load(tiny_zoo.NAME, run.folder / "seed_1" / "best.weights.h5")
    again = modulation.score_modalities(model, entry, splits, tmp_path / "again", 1, verbose=0)
    assert again["test"] == pytest.approx({m: results["test"][m] for m in again["test"]})
    concept = "concept_text.weights.h5"
    concepts = [
        _weights(folder / concept) for folder in (run.folder / "seed_1", tmp_path / "again")
    ]
    assert concepts[0] and concepts[0] == concepts[1]

    tables.show_run(run)
    printed = capsys.readouterr().out
    assert "strength_text" in printed

    # Plain training is a row of the same table, scored likewise.
    plain = recipes.train(
        tiny_zoo.NAME, tmp_path / "plain", [1], {"modulation": {}, "epochs": 1}, verbose=0
    )
    recipes.record(tiny_zoo.NAME, plain.folder, table="strategies", label="joint")
    (recorded,) = zoo.entry(tiny_zoo.NAME).results["rows"]
    assert recorded["settings"]["modulation"] == {} and "mae_text" in recorded["test"]
    assert "AGM(alpha=1.0)" in zoo.card(tiny_zoo.NAME) and path.exists()
