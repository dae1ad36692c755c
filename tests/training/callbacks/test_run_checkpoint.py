"""A killed training run goes on as if nothing had been, on every backend."""

import csv
import json
import os

import keras
import numpy as np
import pytest

from kerasfuse.datasets import Batches
from kerasfuse.training.callbacks import RunCheckpoint


class Killed(BaseException):
    """What no code catches."""


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.current = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.current == self.epoch and batch == 1:
            raise Killed


def build():
    """Return a model whose training draws random numbers, with a seed of its own and without."""
    inputs = {name: keras.Input((None, 4), name=name) for name in ("a", "b")}
    x = keras.layers.Concatenate(axis=1)(list(inputs.values()))
    x = keras.layers.Dropout(0.3)(keras.layers.Dense(8, "tanh")(x))
    x = keras.layers.GaussianNoise(0.2, seed=3)(keras.layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def data(split):
    rng = np.random.default_rng(len(split))
    arrays = {name: rng.normal(size=(24, 3, 4)) for name in ("a", "b")}
    labels = arrays["a"].mean(axis=(1, 2)) + 0.1 * rng.normal(size=24)
    return Batches(arrays, labels, batch_size=8, shuffle=split == "train")


def train(folder, epochs=5, kill_at=None, rate=0.03, patience=2):
    keras.utils.set_random_seed(7)
    model, best_model, batches = build(), build(), data("train")
    model.compile(keras.optimizers.Adam(rate), "mse")
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=1)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=patience)
    kept = RunCheckpoint(folder, best_model, "val_loss", "min", 7, [plateau, stop])
    batches.epoch = kept.initial_epoch
    model.fit(
        batches,
        validation_data=data("validation"),
        epochs=epochs,
        initial_epoch=kept.initial_epoch,
        callbacks=[plateau, stop, kept, *([] if kill_at is None else [KillAt(kill_at)])],
        shuffle=False,
        verbose=0,
    )
    return kept


def history(folder):
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if name != "seconds"}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(("epoch", "rate"), [(0, 0.03), (3, 0.03), (3, 1e-30)])
def test_a_killed_run_goes_on(tmp_path, epoch, rate):
    whole = train(tmp_path / "whole", rate=rate, patience=4)
    with pytest.raises(Killed):
        train(tmp_path / "killed", rate=rate, patience=4, kill_at=epoch)
    assert epoch == 0 or len(history(tmp_path / "killed")) == epoch
    resumed = train(tmp_path / "killed", rate=rate, patience=4)
    wanted = history(tmp_path / "whole")
    assert wanted[0]["learning_rate"] == pytest.approx(rate)
    for row, reference in zip(history(tmp_path / "killed"), wanted, strict=True):
        assert row == pytest.approx(reference, rel=1e-5, abs=0)
    assert resumed.state["best_epoch"] == whole.state["best_epoch"]
    for run in (whole, resumed):
        run.best_model.load_weights(run.best_weights)
    for mine, other in zip(resumed.best_model.weights, whole.best_model.weights, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(other), atol=1e-6
        )


def test_an_early_stop_is_remembered(tmp_path):
    run = train(tmp_path, epochs=9, rate=1e-30)
    assert run.done and run.state["epoch"] == 3 and run.state["best_epoch"] == 1
    again = RunCheckpoint(tmp_path, build(), "val_loss", "min", 7)
    assert again.done and again.initial_epoch == 3


def test_finish_leaves_the_best_weights_and_the_history(tmp_path):
    run = train(tmp_path, epochs=2)
    names = {"checkpoint.json", "history.csv", "epoch_0002.weights.h5", run.best_weights.name}
    assert {file.name for file in tmp_path.iterdir()} == names
    for _ in range(2):
        run.finish()
        assert sorted(file.name for file in tmp_path.iterdir()) == [
            "best.weights.h5",
            "history.csv",
        ]
    build().load_weights(tmp_path / "best.weights.h5")


def test_what_the_checkpoint_names_is_there_whenever_it_is_killed(tmp_path, monkeypatch):
    train(tmp_path, epochs=1)
    replace = os.replace

    def die(source, target):
        if str(target).endswith("checkpoint.json"):
            raise Killed
        replace(source, target)

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(Killed):
        train(tmp_path, epochs=2)
    state = json.loads((tmp_path / "checkpoint.json").read_text())
    assert state["epoch"] == 1
    assert {"epoch_0001.weights.h5", f"best_{state['best_epoch']:04d}.weights.h5"} <= {
        file.name for file in tmp_path.iterdir()
    }


def test_a_quantity_that_is_not_logged_is_told(tmp_path):
    model = build()
    model.compile("adam", "mse")
    kept = RunCheckpoint(tmp_path, build(), "val_los", "min", 0)
    with pytest.raises(ValueError, match="expected monitor to be one of loss, val_loss. Received"):
        model.fit(data("train"), validation_data=data("v"), callbacks=[kept], verbose=0)
