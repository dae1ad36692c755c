"""What the studies of HCT-MG count: changes of a choice, areas, who contradicts."""

import importlib
import pathlib
import sys

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in ("measure", "simulated_runs", "hct_mg_gate", "hct_mg_incongruity"):
        sys.modules.pop(name, None)


def test_a_run_is_right_by_its_last_choice(study):
    gate = study("hct_mg_gate")
    run = {
        "informative": "audio",
        "weights": {
            "text": [1 / 3, 0.4, 0.3, 0.3],
            "audio": [1 / 3, 0.3, 0.5, 0.6],
            "vision": [1 / 3, 0.3, 0.2, 0.1],
        },
        "seed": 1,
        "mae": 1.0,
    }
    assert gate.choices(run) == ["text", "text", "audio", "audio"]
    part = gate.NUM_SAMPLES["train"] // gate.PARTS // gate.BATCH
    assert gate.steps_until_settled(run) == 2 * part
    run["weights"]["text"] = [0.9] * 4
    assert gate.steps_until_settled(run) == 0


def test_only_the_informative_modality_has_full_strength(study, monkeypatch):
    gate = study("hct_mg_gate")
    monkeypatch.setitem(gate.NUM_SAMPLES, "validation", 64)
    sizes = {}
    for informative in gate.WIDTHS:
        x, y = gate.arrays("validation", informative)
        assert all(v.shape[:2] == (64, gate.simulated_runs.STEPS[m]) for m, v in x.items())
        sizes[informative] = {m: float(np.abs(v).mean()) for m, v in x.items()}
        assert np.ptp(y) > 3
    for m in gate.WIDTHS:
        assert max(sizes, key=lambda informative: sizes[informative][m]) == m


def test_the_area_is_a_probability(study):
    area = study("hct_mg_incongruity").roc_auc
    scores = np.array([1.0, 2.0, 3.0, 1.0])
    assert area(scores, np.array([False, False, True, True])) == (1 + 1 + 0.5 + 0) / 4
    assert area(scores, scores > 1.5) == 1.0 and area(scores, scores < 1.5) == 0.0


def test_about_half_of_the_samples_contradict_in_one_modality(study):
    incongruity = study("hct_mg_incongruity")
    found = incongruity.contradicting()
    contradict = [name for name in found if name]
    assert 0.4 < len(contradict) / len(found) < 0.6
    assert set(contradict) == set(incongruity.WIDTHS)
