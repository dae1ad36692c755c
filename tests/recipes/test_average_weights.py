"""A recipe that keeps the running average of the weights."""

import pytest
import tiny_zoo
from run_folders import assert_same_run

from kerasfuse import recipes
from kerasfuse.recipes import training

NAME = tiny_zoo.NAME


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


def train(folder, **overrides):
    overrides = {"epochs": 3, "average_weights": 0.9, **overrides}
    return recipes.train(NAME, folder, [1], overrides=overrides, verbose=0)


def test_scores_are_of_the_average_and_training_is_as_without(tmp_path):
    averaged, plain = train(tmp_path / "a"), train(tmp_path / "b", average_weights=0.0)
    assert averaged.seeds[1]["validation"] != plain.seeds[1]["validation"]
    histories = [
        (run.folder / "seed_1" / "history.csv").read_text().splitlines()
        for run in (averaged, plain)
    ]
    place = histories[0][0].split(",").index("loss")
    losses = [[row.split(",")[place] for row in rows[1:]] for rows in histories]
    assert losses[0] == losses[1]


def test_a_training_that_was_killed_ends_as_one_that_was_not(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole")
    kept = training.RunCheckpoint.on_epoch_end

    def killed(self, epoch, logs=None):
        kept(self, epoch, logs)
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(training.RunCheckpoint, "on_epoch_end", killed)
            with pytest.raises(KeyboardInterrupt):
                train(tmp_path / "killed")
    assert_same_run(train(tmp_path / "killed"), whole)


@pytest.mark.parametrize("value", [1.0, -0.1, True, "0.9"])
def test_a_momentum_is_from_0_below_1(tmp_path, value):
    with pytest.raises(ValueError, match="average_weights to be a number from 0 below 1"):
        train(tmp_path / "run", average_weights=value)
