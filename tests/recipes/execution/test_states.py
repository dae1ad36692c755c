"""What `kerasfuse runs` says of trainings that ended in each way there is."""

import json

import keras
import pytest
import tiny_zoo
from typer.testing import CliRunner

from kerasfuse import atomic, recipes, zoo
from kerasfuse.cli.commands import app
from kerasfuse.recipes.run_folder import LOCK, open_run, read_recipe
from kerasfuse.recipes.scoring import check_fit
from kerasfuse.recipes.training import train_seed

NAME = tiny_zoo.NAME


@pytest.fixture(autouse=True)
def _zoo(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")


def of(folder):
    return {(each.run, each.seed): each for each in recipes.states(folder)}


class Dies(keras.callbacks.Callback):
    """Raise at the end of the second epoch, after it is safe."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise self.error


class Interrupts(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_every_way_to_end_has_a_name(tmp_path):
    runs = tmp_path / "runs"
    recipes.train(NAME, runs / "done", seeds=[1], verbose=0)
    for name, error in (("failed", RuntimeError("out of luck")), ("killed", KeyboardInterrupt())):
        recipes.train(NAME, runs / name, seeds=[1], verbose=0)
        with pytest.raises(type(error)):
            train_seed(read_recipe(runs / name), runs / name, 2, 0, [Dies(error)])
    entry = zoo.entry(NAME)
    open_run(runs / "opened", entry, check_fit(entry))
    found = of(runs)
    done = json.loads((runs / "done" / "seed_1" / "results.json").read_text())
    first = found["done", 1]
    assert (first.state, first.epochs, first.monitor) == ("finished", 3, "val_loss")
    assert first.best == done["monitor"]
    assert ("done", 2) not in found, "nobody asked for it"
    waiting = found["opened", 2]
    assert (waiting.state, waiting.epochs, waiting.best) == ("waiting", 0, None)
    failed, killed = found["failed", 2], found["killed", 2]
    assert (failed.state, failed.epochs, failed.error) == ("failed", 2, "RuntimeError: out of luck")
    assert (killed.state, killed.epochs, killed.error) == ("stopped", 2, "")
    assert killed.best is not None
    with atomic.locked(runs / "killed" / "seed_2" / LOCK):
        assert of(runs)["killed", 2].state == "running"
        assert of(runs / "killed")[".", 2].state == "running"

    shown = CliRunner().invoke(app, ["runs", str(runs)], env={"COLUMNS": "80"})
    assert shown.exit_code == 0, shown.output
    assert "3 finished" in shown.output
    assert "failed seed 2: RuntimeError: out of luck" in shown.output

    with pytest.raises(KeyboardInterrupt):
        train_seed(entry, runs / "failed", 2, 0, [Interrupts()])
    assert of(runs)["failed", 2].state == "stopped", "what failed before went on"
    recipes.train(NAME, runs / "failed", seeds=[2], verbose=0)
    again = of(runs)["failed", 2]
    assert (again.state, again.error) == ("finished", "")


def test_a_pruned_trial_did_not_fail(tmp_path):
    class Pruned(Exception):
        pass

    recipes.train(NAME, tmp_path / "run", seeds=[1], verbose=0)
    entry = read_recipe(tmp_path / "run")
    with pytest.raises(Pruned):
        train_seed(entry, tmp_path / "run", 2, 0, [Dies(Pruned())], stops=Pruned)
    assert of(tmp_path / "run")[".", 2].state == "stopped"


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"where none is. `kerasfuse train"):
        recipes.states(tmp_path)
    shown = CliRunner().invoke(app, ["runs", str(tmp_path / "nowhere")])
    assert shown.exit_code == 2 and "Traceback" not in shown.output
