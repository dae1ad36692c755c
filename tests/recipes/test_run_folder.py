"""A run folder knows what it is of, belongs to one process, and is a model of its own."""

import csv
import json
import os

import h5py
import keras
import numpy as np
import pytest
import tiny_zoo
import tomlkit
from run_folders import assert_same_run, files, history
from typer.testing import CliRunner

from kerasfuse import atomic, recipes, zoo
from kerasfuse.cli.commands import app
from kerasfuse.entries import parsing
from kerasfuse.entries.serialization import to_toml
from kerasfuse.recipes import scoring
from kerasfuse.recipes.run_folder import read_recipe
from kerasfuse.report import report
from kerasfuse.training.callbacks import KeepEpochs, RunCheckpoint
from kerasfuse.training.callbacks import run_checkpoint as run_checkpoint_module

NAME = tiny_zoo.NAME
ON_OWN = (
    tiny_zoo.ENTRY.replace("text = 300, audio = 5, vision = 20", "text = 3, audio = 2")
    .replace('name = "simulated"', 'name = "own"')
    .replace('like = "mosi"\nnum_samples = 24\n', "")
    .replace("typical_lengths = { text = 4, audio = 6, vision = 5 }\n", "")
    .replace('world = "codes"\n', "")
    .replace("seeds = [1, 2]", "seeds = [1]")
)


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture
def on_own(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo", ON_OWN)


def write_own(folder, seed=0):
    """Write samples of one's own and return their folder."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(seed)
    for split, count in (("train", 9), ("validation", 5), ("test", 6)):
        np.savez(
            folder / f"{split}.npz",
            text=generator.normal(size=(count, 4, 3)),
            audio=generator.normal(size=(count, 5, 2)),
            labels=generator.uniform(-3, 3, count),
        )
    return folder


# Other data are another run.


def test_a_finished_run_is_not_taken_for_one_on_other_data(on_own, tmp_path):
    first, second = (write_own(tmp_path / name, seed) for seed, name in enumerate("ab"))
    run = recipes.train(NAME, tmp_path / "run", data_dir=first, verbose=0)
    before = {file: (run.folder / file).read_bytes() for file in files(run.folder)}
    with pytest.raises(ValueError, match="data with checksum [0-9a-f]{12}. Choose another folder"):
        recipes.train(NAME, tmp_path / "run", data_dir=second, verbose=0)
    assert before == {file: (run.folder / file).read_bytes() for file in files(run.folder)}
    again = recipes.train(NAME, tmp_path / "run", data_dir=first, verbose=0)
    assert again.seeds == run.seeds


def test_the_same_data_elsewhere_are_the_same_run(on_own, tmp_path):
    first, second = (write_own(tmp_path / name) for name in "ab")
    run = recipes.train(NAME, tmp_path / "run", data_dir=first, verbose=0)
    again = recipes.train(NAME, tmp_path / "run", data_dir=second, verbose=0)
    assert again.seeds == run.seeds
    assert run.data_dir == str(second)


def test_a_seed_that_comes_later_is_held_to_the_data_of_the_first(on_own, tmp_path):
    data = write_own(tmp_path / "data")
    recipes.train(NAME, tmp_path / "run", data_dir=data, verbose=0)
    write_own(data, seed=1)
    with pytest.raises(ValueError, match="9 train, 5 validation, 6 test, with checksum"):
        recipes.train(NAME, tmp_path / "run", [1, 2], data_dir=data, verbose=0)
    assert not (tmp_path / "run" / "seed_2").exists()


def test_compare_does_not_mix_data(on_own, tmp_path):
    other = on_own.with_name("other_simulated.toml")
    other.write_text(ON_OWN.replace(NAME, "other_simulated").replace("dim = 4", "dim = 3"))
    names = [NAME, "other_simulated"]
    first, second = (write_own(tmp_path / name, seed) for seed, name in enumerate("ab"))
    recipes.compare(names, tmp_path / "runs", seeds=[1], data_dir=first, verbose=0)
    with pytest.raises(ValueError, match="Choose another folder for a run on these data"):
        recipes.compare(names, tmp_path / "runs", seeds=[1], data_dir=second, verbose=0)


# A folder belongs to one process at a time.


def test_two_processes_never_train_one_seed(path, tmp_path):
    recipes.train(NAME, tmp_path / "run", [2], verbose=0)
    with atomic.locked(tmp_path / "run" / "seed_1" / ".lock"):
        with pytest.raises(BlockingIOError, match="expected a run that no other process trains"):
            recipes.train(NAME, tmp_path / "run", [1], verbose=0)
        arguments = ["train", NAME, "--run-dir", str(tmp_path / "run"), "--seeds", "1"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2 and "which one trains now" in result.stderr
        # Another seed of the same run is nobody's business.
        assert list(recipes.train(NAME, tmp_path / "run", [3], verbose=0).seeds) == [3]
    run = recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    assert not list(run.folder.rglob(".lock"))


def test_what_a_killed_process_left_is_swept(path, tmp_path):
    recipes.train(NAME, tmp_path / "run", [2], verbose=0)
    seed = tmp_path / "run" / "seed_1"
    seed.mkdir()
    (seed / ".lock").touch()
    (seed / ".0123abcd.best_0001.weights.h5").write_bytes(b"half")
    (seed / ".notes").write_text("not ours")
    recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    assert [file.name for file in seed.glob(".*")] == [".notes"]


def test_a_folder_that_was_killed_while_it_was_made_is_taken(path, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "entry.toml").write_text(to_toml(zoo.entry(NAME)))
    run = recipes.train(NAME, folder, [1], verbose=0)
    assert list(run.seeds) == [1]
    other = tmp_path / "other"
    other.mkdir()
    (other / "entry.toml").write_text(to_toml(zoo.entry(NAME).override({"rank": 1})))
    with pytest.raises(ValueError, match="which holds other files"):
        recipes.train(NAME, other, [1], verbose=0)


def test_a_run_of_an_earlier_version_goes_on_as_one_of_today(path, tmp_path):
    wanted = recipes.train(NAME, tmp_path / "today", verbose=0)
    run = recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    for file in ("entry.toml", "run.json", f"{NAME}.weights.h5"):
        (run.folder / file).unlink()
    (run.folder / "recipe.toml").write_text(tomlkit.dumps(zoo.entry(NAME).definition()))
    assert recipes.read_run(NAME, run.folder).seeds == run.seeds
    assert_same_run(recipes.train(NAME, run.folder, verbose=0), wanted, seed=2)
    assert files(run.folder) == files(wanted.folder)
    (run.folder / "run.json").unlink()
    for file in run.folder.glob("seed_*/results.json"):
        results = json.loads(file.read_text()) | {"data_sha256": "0" * 64}
        file.write_text(json.dumps(results))
    (run.folder / "entry.toml").rename(tmp_path / "entry.toml")
    (run.folder / "recipe.toml").write_text(tomlkit.dumps(zoo.entry(NAME).definition()))
    with pytest.raises(ValueError, match="is trained on, as before, with checksum 000000000000"):
        recipes.train(NAME, run.folder, verbose=0)


# A run folder is a model.


def test_a_run_needs_no_entry_of_the_zoo(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = recipes.train(NAME, "runs/x", overrides={"rank": 3}, verbose=0)
    path.unlink()
    with pytest.warns(zoo.SimulatedWeightsWarning, match="the weights of runs/x"):
        model = zoo.load("runs/x")
    best = run.seeds[run.best_seed]
    assert model.count_params() == best["parameters"]
    with pytest.warns(zoo.SimulatedWeightsWarning):
        scores, constant = recipes.evaluate("runs/x")
    assert scores == pytest.approx(best["test"], abs=1e-6)
    assert constant == pytest.approx(best["baseline"]["test"], abs=1e-6)
    entry = zoo.entry("runs/x")
    assert entry.results["seeds"] == [1, 2] and entry.weights.seed == run.best_seed
    assert entry.weights.made_by == f"kerasfuse train {NAME} --set 'rank=3'"
    assert f"kerasfuse train {NAME} --set 'rank=3'" in zoo.card("runs/x")
    assert recipes.read_run(None, "runs/x").table("test") == run.table("test")
    assert report(["runs/x"], "page.html").is_file()
    published = recipes.publish("runs/x", "published")
    assert published.entry == entry and published.files[1] == f"{NAME}.weights.h5"
    inputs = {m: np.ones((2, 4, width)) for m, width in model.modalities.items()}
    with pytest.warns(zoo.SimulatedWeightsWarning):
        models = [zoo.load(name) for name in ("runs/x", "./published")]
    outputs = [model.predict(inputs, verbose=0) for model in models]
    np.testing.assert_array_equal(*outputs)


def test_a_run_says_on_what_data_it_is_and_under_which_terms(on_own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    data = write_own(tmp_path / "data")
    overrides = {"data": "own", "modalities": {"text": 3, "audio": 2}}
    recipes.train(NAME, "runs/x", [1], overrides, data, verbose=0)
    weights = zoo.entry("runs/x").weights
    assert weights.trained_on == "own()" and not weights.commercial
    assert "ask the data's owners" in weights.license
    # It finds the data again without being told.
    assert recipes.evaluate("runs/x")[0] == pytest.approx(
        recipes.read_run(None, "runs/x").seeds[1]["test"], abs=1e-6
    )


def test_seeds_with_scores_of_other_metrics_are_told(path, tmp_path):
    run = recipes.train(tiny_zoo.NAME, tmp_path / "run", verbose=0)
    file = run.folder / "seed_2" / "results.json"
    results = json.loads(file.read_text())
    results["validation"]["other"] = results["validation"].pop("corr")
    file.write_text(json.dumps(results))
    with pytest.raises(ValueError, match=r"seeds 1 and 2 .* differ in \['corr', 'other'\]"):
        recipes.read_run(None, run.folder)


def test_an_entry_is_the_same_after_it_was_written():
    for name in zoo.names():
        entry = zoo.entry(name)
        assert parsing.parse(to_toml(entry).encode(), name) == entry


# The weights of every epoch, on request.


def test_every_epoch_is_kept_on_request(path, tmp_path):
    run = recipes.train(NAME, tmp_path / "run", [1], keep_epochs=True, verbose=0)
    plain = recipes.train(NAME, tmp_path / "plain", [1], verbose=0)
    assert run.seeds[1]["test"] == pytest.approx(plain.seeds[1]["test"], abs=1e-6)
    assert not (plain.folder / "seed_1" / "epochs").exists()
    epochs = run.folder / "seed_1" / "epochs"
    assert files(epochs) == [f"epoch_000{k}.weights.h5" for k in (1, 2, 3)]
    for row in history(run.folder / "seed_1"):
        model = run.entry.build()
        path = KeepEpochs(epochs, model).path(int(row["epoch"]))
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: _is_half(item) if isinstance(item, h5py.Dataset) else None
            )
        model.load_weights(path)
        validation = scoring.load_split(run.entry, "validation")
        found = scoring.score(model, run.entry, validation)["mae"]
        assert found == pytest.approx(float(row["val_mae"]), abs=2e-3)


def _is_half(item):
    assert item.dtype in ("float16", "uint32", "int64"), item.name


def test_the_command_keeps_every_epoch(path, tmp_path):
    arguments = ["train", NAME, "--run-dir", str(tmp_path / "run"), "--seeds", "1"]
    result = CliRunner().invoke(app, [*arguments, "--keep-epochs", "--set", "epochs=2"])
    assert result.exit_code == 0, result.output
    assert len(files(tmp_path / "run" / "seed_1" / "epochs")) == 2


# Only what is finite is kept.


def fitted(folder, epochs, spoiled, monitor="val_accuracy"):
    """Train a classifier whose weights are no numbers from an epoch on; return its checkpoint."""

    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 >= spoiled:
                self.model.layers[0].kernel.assign(np.full((3, 2), np.nan))
                # What Keras reports: the class of the largest of no numbers is the first one.
                logs["val_accuracy"] = 1.0

    def classifier():
        model = keras.Sequential([keras.layers.Dense(2)])
        model.build((None, 3))
        return model

    model, best = classifier(), classifier()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    kept = RunCheckpoint(folder, best, monitor, "max", 1)
    x, y = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 2
    model.fit(x, y, validation_data=(x, y), epochs=epochs, callbacks=[Spoil(), kept], verbose=0)
    return kept


def test_the_best_finite_epoch_is_kept_when_the_accuracy_of_no_numbers_is_best(tmp_path):
    kept = fitted(tmp_path, epochs=4, spoiled=3)
    assert kept.state["best_epoch"] in (1, 2)
    with h5py.File(kept.best_weights) as file:
        values = []
        file.visititems(lambda _, item: values.append(item) if hasattr(item, "shape") else None)
        assert values and all(np.isfinite(np.asarray(item)).all() for item in values)


def test_nothing_is_kept_where_nothing_is_finite(tmp_path):
    assert fitted(tmp_path, epochs=2, spoiled=1).best_weights is None


def test_a_kill_between_the_last_checkpoint_and_its_row_loses_no_row(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(self):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(run_checkpoint_module.RunCheckpoint, "_write_history", killed)
        with pytest.raises(Killed):
            fitted(tmp_path, epochs=1, spoiled=9)
    assert not (tmp_path / "history.csv").exists()
    kept = RunCheckpoint(tmp_path, None, "val_accuracy", "max", 1)
    assert kept.done
    kept.finish()
    with open(tmp_path / "history.csv", encoding="utf-8", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1"]


def test_a_publication_that_was_killed_is_made_again(path, tmp_path):
    run = recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    recipes.publish(run.folder, tmp_path / "out")
    for file in ("entry.toml", "README.md"):
        (tmp_path / "out" / file).unlink()
    (tmp_path / "out" / ".01234567.entry.toml").touch()
    recipes.publish(run.folder, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == [
        "README.md",
        "entry.toml",
        f"{NAME}.weights.h5",
    ]
    assert read_recipe(tmp_path / "out").name == NAME


def test_outputs_that_are_not_finite_are_never_scored_or_shown(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = recipes.train(NAME, "runs/x", [1], verbose=0)
    model = run.entry.build()
    model.load_weights("runs/x/seed_1/best.weights.h5")
    # So large that float32 overflows on the way.
    for weight in model.trainable_weights:
        weight.assign(weight * 0 + 1e30)
    model.save_weights("broken.weights.h5")
    result = CliRunner().invoke(app, ["evaluate", NAME, "--weights", "broken.weights.h5"])
    assert result.exit_code == 2 and "expected a model with finite outputs" in result.stderr
    arrays = {m: np.ones((2, 4, width)) for m, width in model.modalities.items()}
    np.savez("samples.npz", **arrays)
    arguments = ["predict", NAME, "samples.npz", "--weights", "broken.weights.h5"]
    result = CliRunner().invoke(app, [*arguments, "--output", "scores.csv"])
    assert result.exit_code == 2 and "2 of 2 samples, 0, 1 first" in result.stderr
    assert not (tmp_path / "scores.csv").exists()


def test_weights_that_are_not_finite_are_not_published(path, tmp_path):
    run = recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    model = run.entry.build()
    model.load_weights(run.folder / "seed_1" / "best.weights.h5")
    weight = model.trainable_weights[0]
    weight.assign(weight * np.nan)
    model.save_weights(run.folder / "seed_1" / "best.weights.h5")
    with pytest.raises(ValueError, match="expected weights that are finite"):
        recipes.publish(run.folder, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))
