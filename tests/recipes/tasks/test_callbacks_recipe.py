"""Callbacks that a recipe names: made in the folder of the seed, refused elsewhere."""

import csv

import keras
import numpy as np
import pytest
import tiny_zoo

from kerasfuse import recipes, zoo
from kerasfuse.training.callbacks import TensorBoardLogs


@pytest.fixture
def entry(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    return zoo.entry(tiny_zoo.NAME)


def test_they_write_into_the_folder_of_the_seed(entry, tmp_path):
    callbacks = [
        {"class": "CSVLogger", "filename": "log.csv"},
        {"class": "TerminateOnNaN"},
        {"class": "EarlyStopping", "monitor": "val_loss", "patience": 1},
    ]
    run = recipes.train(
        entry.name, tmp_path / "run", seeds=[1], verbose=0, overrides={"callbacks": callbacks}
    )
    with open(run.folder / "seed_1" / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == run.first["epochs"] and "val_mae" in rows[0]
    # The folder remembers them.
    assert zoo.entry(tmp_path / "run").recipe.callbacks == tuple(callbacks)


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([{"class": "CSVLoger", "filename": "a"}], "Nearest: CSVLogger"),
        ([{"class": "CSVLogger", "file": "a"}], "callbacks.file='a'. Nearest: filename"),
        ([{"class": "CSVLogger", "filename": "/etc/a"}], "within the folder of the run"),
        ([{"class": "ModelCheckpoint", "filepath": "../a.keras"}], "within the folder of the run"),
        ([{"class": "LambdaCallback"}], "callbacks.class"),
        (["CSVLogger"], "a list of tables"),
    ],
)
def test_those_that_no_recipe_may_name(entry, callbacks, message):
    with pytest.raises(ValueError, match=message):
        entry.override({"callbacks": callbacks})


def test_logs_for_tensorboard(tmp_path):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="expected the package tensorboard, of the extra of that name",
    )
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 2))
    history = model.fit(
        x,
        x[:, :1],
        validation_split=0.5,
        epochs=3,
        verbose=0,
        callbacks=[TensorBoardLogs(tmp_path)],
    ).history
    events = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    for tag, column in (("loss/training", "loss"), ("loss/validation", "val_loss")):
        found = [event.value for event in events.Scalars(tag)]
        assert found == pytest.approx(history[column], rel=1e-6)
        assert [event.step for event in events.Scalars(tag)] == [1, 2, 3]
