"""A recipe that leaves modalities out in training."""

import numpy as np
import pytest
import tiny_zoo
from run_folders import assert_same_run

from kerasfuse import recipes

NAME = tiny_zoo.NAME
RATES = {"audio": 0.6, "vision": 0.6}


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


def train(folder, **overrides):
    return recipes.train(NAME, folder, [1], overrides=overrides, verbose=0)


def test_training_sees_samples_without_them(tmp_path):
    plain, dropped = train(tmp_path / "plain"), train(tmp_path / "a", drop_modality=RATES)
    again = train(tmp_path / "b", drop_modality=RATES)
    assert_same_run(dropped, again)
    first, second = (run.seeds[1]["test"]["mae"] for run in (plain, dropped))
    assert np.isfinite(second) and first != second


@pytest.mark.parametrize(
    ("rates", "message"),
    [({"smell": 0.5}, "rates of some of .*'smell'"), ({"audio": 1.0}, "below 1 for each modality")],
)
def test_what_cannot_be_dropped_is_refused_before_a_folder_is_made(tmp_path, rates, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", drop_modality=rates)
    assert not (tmp_path / "run").exists()
