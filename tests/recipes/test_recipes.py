"""Recipes train, resume, score and record."""

import dataclasses
import json
import shutil
import tomllib

import numpy as np
import pytest
import tiny_zoo
from run_folders import Killed, assert_same_run, files, history, seconds

from kerasfuse import atomic, metrics, recipes, zoo
from kerasfuse.checksum import sha256
from kerasfuse.recipes import scoring
from kerasfuse.recipes.predictions import read_predictions
from kerasfuse.recipes.run_folder import RunData, open_run
from kerasfuse.recipes.seeds import joined
from kerasfuse.training.callbacks import RunCheckpoint

NAME = tiny_zoo.NAME


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Train the tiny entry's two seeds once for all tests that only look."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_zoo.use(monkeypatch, tmp_path_factory.mktemp("zoo"))
        return recipes.train(NAME, tmp_path_factory.mktemp("run"), verbose=0)


# Training.


def test_a_run_folder_holds_what_it_should(finished):
    seeds = ["best.weights.h5", "history.csv", "predictions.npz", "results.json"]
    assert files(finished.folder) == [
        "entry.toml",
        "run.json",
        *(f"seed_{seed}/{name}" for seed in (1, 2) for name in seeds),
        f"{NAME}.weights.h5",
    ]
    recipe = tomllib.loads((finished.folder / "entry.toml").read_text())
    assert recipe["model"]["args"]["dim"] == 4 and recipe["recipe"]["learning_rate"] == 0.01
    rows = history(finished.folder / "seed_1")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "val_loss", "val_mae", "learning_rate"} <= set(rows[0])


def test_losses_of_layers_are_kept_of_training_alone(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ATTENTIVE)
    run = recipes.train(NAME, tmp_path / "run", [1], {"epochs": 1, "beta": 0}, verbose=0)
    (row,) = history(run.folder / "seed_1")
    assert {"loss", "mmd"} <= set(row) and "alignment" not in row
    assert not any(name.startswith("val_mmd") for name in row)


def test_results_say_how_they_were_made(finished):
    results = finished.seeds[1]
    assert results["parameters"] == finished.entry.build().count_params()
    assert set(results["versions"]) >= {"kerasfuse", "keras", "numpy", results["backend"]}
    assert len(results["data_sha256"]) == 64
    epochs = seconds(finished.folder / "seed_1")
    assert min(epochs) > 0 and results["seconds"] == pytest.approx(sum(epochs), abs=0.06)
    assert results["peak_memory"] is None or results["peak_memory"] > 50
    assert 1 <= results["best_epoch"] <= results["epochs"] == 3
    assert set(results["test"]) == set(results["validation"]) >= {"mae", "corr", "acc7"}
    assert results["monitor"] == pytest.approx(results["validation"]["mae"], rel=1e-5)
    rows = history(finished.folder / "seed_1")
    assert results["monitor"] == min(float(row["val_loss"]) for row in rows)


def test_the_kept_weights_are_those_of_the_best_epoch(finished):
    model = finished.entry.build()
    model.load_weights(finished.folder / "seed_1" / "best.weights.h5")
    data = scoring.load_split(finished.entry, "test")
    scores = scoring.score(model, finished.entry, data)
    assert scores == pytest.approx(finished.seeds[1]["test"], abs=1e-6)


def test_the_kept_predictions_are_those_of_the_kept_weights(finished):
    kept = read_predictions(finished.folder / "seed_2")
    data = scoring.load_split(finished.entry, "test")
    assert kept.ids == data.ids
    np.testing.assert_array_equal(kept.labels, data.labels)
    model = finished.entry.build()
    model.load_weights(finished.folder / "seed_2" / "best.weights.h5")
    np.testing.assert_allclose(kept.outputs, model.predict(data, verbose=0), rtol=1e-5, atol=1e-6)
    scores = metrics.evaluate(finished.entry.recipe.make_metrics(), kept.labels, kept.outputs)
    assert scores == pytest.approx(finished.seeds[2]["test"], abs=1e-5)
    assert read_predictions(finished.folder) is None


def test_the_table_has_mean_spread_and_baseline(finished):
    row = finished.table("test")["mae"]
    values = [finished.seeds[seed]["test"]["mae"] for seed in (1, 2)]
    assert row["per_seed"] == values
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["sd"] == pytest.approx(np.std(values, ddof=1))
    labels = [scoring.load_split(finished.entry, split).labels for split in ("train", "test")]
    constant = recipes.constant_scores(finished.entry.recipe, *labels)["mae"]
    assert row["baseline"] == pytest.approx(constant, abs=1e-6)
    assert "baseline" not in finished.table("test")["corr"]
    assert finished.best_seed == min((1, 2), key=lambda s: finished.seeds[s]["validation"]["mae"])


def test_a_finished_run_is_not_trained_again(finished, path, monkeypatch):
    monkeypatch.setattr("keras.Model.fit", None)
    lines = []
    again = recipes.train(NAME, finished.folder, report=lines.append)
    assert again.seeds == finished.seeds
    assert lines == ["seed 1: already finished", "seed 2: already finished"]


def test_whole_numbers_are_numbers(path, tmp_path):
    overrides = {"learning_rate": 1, "clip_norm": 1, "weight_decay": 0, "epochs": 1}
    run = recipes.train(NAME, tmp_path / "run", seeds=[1], overrides=overrides, verbose=0)
    assert type(run.entry.recipe.learning_rate) is float and list(run.seeds) == [1]


def test_overrides_reach_model_data_and_recipe(path, tmp_path):
    overrides = {"rank": 3, "num_samples": 16, "epochs": 1}
    run = recipes.train(NAME, tmp_path / "run", seeds=[5], overrides=overrides, verbose=0)
    assert list(run.seeds) == [5] and run.seeds[5]["epochs"] == 1
    assert run.entry.model_args["rank"] == 3 and run.entry.data_args["num_samples"] == 16
    assert run.seeds[5]["parameters"] == run.entry.build().count_params()


@pytest.mark.parametrize(
    ("loss", "metrics", "score", "settings"),
    [
        ("sentiment_cross_entropy", "mosi", "acc7", {"num_outputs": 7}),
        ("emotion_cross_entropy", "iemocap", "happy_acc", {"num_outputs": 8, "like": "iemocap"}),
    ],
)
def test_the_other_losses_train_too(path, tmp_path, loss, metrics, score, settings):
    if loss == "emotion_cross_entropy":
        widths = {"text": 300, "audio": 74, "vision": 35}
        settings = {**settings, "modalities": widths}
    overrides = {"loss": loss, "metrics": metrics, "score": score, "epochs": 1, **settings}
    run = recipes.train(NAME, tmp_path / "run", seeds=[1], overrides=overrides, verbose=0)
    table = run.table("test")
    assert score in table and np.isfinite(table["loss"]["mean"])
    assert 0 <= table[score]["baseline"] <= 1


def test_seeds_run_in_processes(tmp_path):
    # The processes know nothing of a patched zoo: an entry of the project, made tiny.
    overrides = {
        "dim": 4,
        "num_heads": 2,
        "num_layers": 1,
        "num_samples": 8,
        "duration": 1.0,
        "epochs": 1,
    }
    lines = []
    run = recipes.train(
        "mica_mosei", tmp_path / "run", [1, 2], overrides, jobs=2, report=lines.append
    )
    assert sorted(run.seeds) == [1, 2]
    assert "val_loss" in (run.folder / "seed_1" / "log.txt").read_text()
    assert len(lines) == 4


def test_processes_need_no_zoo_and_one_that_fails_is_told(path, tmp_path):
    # The zoo of the processes has no entry of this name: the run folder is all that they read.
    settings = {"overrides": {"epochs": 1}, "verbose": 0}
    recipes.train(NAME, tmp_path / "run", [1], **settings)
    with (
        atomic.locked(tmp_path / "run" / "seed_2" / ".lock"),
        pytest.raises(ValueError, match="expected seed 2 to train. .*which one trains now"),
    ):
        recipes.train(NAME, tmp_path / "run", [2, 3], jobs=2, **settings)
    run = recipes.train(NAME, tmp_path / "run", [2, 3], jobs=2, **settings)
    assert sorted(run.seeds) == [2, 3]


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "tiny"}, "name='tiny'. Valid: tiny_simulated"),
        ({"overrides": {"epoch": 3}}, "epoch=3. Nearest: epochs"),
        ({"overrides": {"epochs": 0}}, "epochs=0"),
        ({"overrides": {"like": "mosy"}}, "mosy"),
        ({"overrides": {"monitor": "val_los"}}, "monitor='val_los'. Nearest: val_loss"),
        ({"seeds": [1, 1]}, "every seed once"),
        ({"seeds": ["one"]}, "whole numbers"),
        ({"jobs": 0}, "jobs=0"),
    ],
)
def test_bad_arguments_are_told(path, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        recipes.train(**{"name": NAME, "run_dir": tmp_path / "run", "verbose": 0, **arguments})


def test_a_folder_that_cannot_be_written_to(path, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="expected a place that can be written to"):
        recipes.train(NAME, tmp_path / "file" / "run")


def test_a_folder_of_something_else(path, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="holds other files"):
        recipes.train(NAME, tmp_path)


def test_a_folder_of_another_recipe(path, finished):
    with pytest.raises(ValueError, match="other values for rank, epochs"):
        recipes.train(NAME, finished.folder, overrides={"rank": 3, "epochs": 9})


def test_a_missing_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="KERASFUSE_DATA"):
        recipes.train("mult_mosi_utterance", tmp_path / "run", data_dir=tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"rank": 0}, "rank=0"),
        ({"initial_weights": "abc"}, "expected the name of a zoo entry"),
        ({"frozen": ["nothing"]}, "expected frozen to name layers"),
        ({"class_weights": "balanced"}, "expected class_weights"),
        ({"text_preset": "abc"}, "expected a model with a text encoder"),
        ({"drop_modality": {"smell": 0.5}}, "smell"),
        ({"companions": {"refresh": 1}}, "expected a model that offers the mean"),
        ({"gate_search": {"batch_size": 4, "epochs": 1}}, "expected a model with one"),
    ],
)
def test_a_training_that_cannot_begin_leaves_no_folder(path, tmp_path, overrides, message):
    with pytest.raises(ValueError, match=message):
        recipes.train(NAME, tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run").exists()


def test_training_that_diverges_is_told(path, tmp_path, monkeypatch):
    class Broken(RunCheckpoint):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, {**logs, "val_loss": float("nan")})

    monkeypatch.setattr("kerasfuse.recipes.training.RunCheckpoint", Broken)
    with pytest.raises(ValueError, match="finite weights, loss and val_loss. Received: none in"):
        recipes.train(NAME, tmp_path / "run", [1], {"epochs": 1}, verbose=0)


def test_evaluate_wants_a_split(path):
    with pytest.raises(ValueError, match="split='tests'. Nearest: test"):
        recipes.evaluate(NAME, "tests")


# Going on after a kill.


def kill_at(monkeypatch, method, epoch):
    """Make the run die in a callback's method in the given epoch, counted from 0."""
    whole = getattr(RunCheckpoint, method)

    def dying(self, *arguments, **keywords):
        if self.initial_epoch == epoch:
            raise Killed
        whole(self, *arguments, **keywords)

    monkeypatch.setattr(RunCheckpoint, method, dying)


@pytest.mark.parametrize(
    ("method", "epoch"),
    [("on_train_batch_end", 0), ("on_train_batch_end", 2), ("on_epoch_end", 1), ("finish", 3)],
)
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    path, tmp_path, monkeypatch, finished, method, epoch
):
    with monkeypatch.context() as patched:
        kill_at(patched, method, epoch)
        with pytest.raises(Killed):
            recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    assert not any(name.startswith(".") for name in files(tmp_path / "run"))
    assert_same_run(recipes.train(NAME, tmp_path / "run", [1], verbose=0), finished)


def test_schedules_go_on_too(tmp_path, monkeypatch):
    # Without batch normalization, whose means move even where no weight does.
    plain = tiny_zoo.ENTRY.replace('"LMF"', '"LFLSTM"').replace("rank = 2", "hidden_units = []")
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", plain)
    # A learning rate that changes nothing: the plateau comes at once, then the early stop.
    overrides = {"learning_rate": 1e-30, "epochs": 8, "early_stopping": 4}
    whole = recipes.train(NAME, tmp_path / "whole", [1], overrides, verbose=0)
    assert whole.seeds[1]["epochs"] == 5
    rates = [float(row["learning_rate"]) for row in history(whole.folder / "seed_1")]
    assert rates == pytest.approx([1e-30, 1e-30, 5e-31, 2.5e-31, 1.25e-31], rel=1e-5, abs=0)
    with monkeypatch.context() as patched:
        kill_at(patched, "on_train_batch_end", 3)
        with pytest.raises(Killed):
            recipes.train(NAME, tmp_path / "killed", [1], overrides, verbose=0)
    assert_same_run(recipes.train(NAME, tmp_path / "killed", [1], overrides, verbose=0), whole)


def test_a_write_that_fails_leaves_a_folder_to_go_on_from(path, tmp_path, monkeypatch, finished):
    import keras

    save = keras.Model.save_weights

    def fail(self, filepath, **keywords):
        save(self, filepath, **keywords)
        if "epoch_0002" in str(filepath):
            raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "save_weights", fail)
        with pytest.raises(OSError, match="disk full"):
            recipes.train(NAME, tmp_path / "run", [1], verbose=0)
    state = json.loads((tmp_path / "run" / "seed_1" / "checkpoint.json").read_text())
    assert state["epoch"] == 1 and not any(f.startswith(".") for f in files(tmp_path / "run"))
    assert_same_run(recipes.train(NAME, tmp_path / "run", [1], verbose=0), finished)


# Constant predictions.


def recipe(**changes):
    values = vars(zoo.Recipe(**tomllib.loads(tiny_zoo.ENTRY)["recipe"]))
    return zoo.Recipe(**{**values, **changes})


def test_the_best_constant_for_regression():
    train = np.array([[-3.0], [1.0], [1.2], [2.0], [2.4]], "float32")
    test = np.array([[1.0], [-1.0], [-2.0], [0.0]], "float32")
    scores = recipes.constant_scores(recipe(), train, test)
    # The median is the mean absolute error's; most of the training labels are positive.
    assert scores["mae"] == pytest.approx(np.mean(np.abs(test - 1.2)), abs=1e-6)
    assert scores["acc2_non0"] == pytest.approx(1 / 3)
    assert scores["acc2_has0"] == pytest.approx(1 / 2)
    assert "corr" not in scores and "loss" not in scores


def test_the_majority_class_for_one_logit():
    train, test = np.array([[1.0], [1.0], [0.0]]), np.array([[1.0], [0.0], [0.0], [0.0]])
    chosen = recipe(loss="binary_crossentropy", metrics="binary", score="f1")
    scores = recipes.constant_scores(chosen, train.astype("float32"), test.astype("float32"))
    assert scores["accuracy"] == 0.25
    wanted = -np.mean([np.log(2 / 3)] + 3 * [np.log(1 / 3)])
    assert scores["loss"] == pytest.approx(wanted, rel=1e-5)


def test_the_majority_of_each_emotion():
    train = np.eye(2, dtype="float32")[[[1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]]]
    chosen = recipe(loss="emotion_cross_entropy", metrics="iemocap", score="sad_f1")
    scores = recipes.constant_scores(chosen, train, train)
    shares = {name: scores[f"{name}_acc"] for name in ("neutral", "happy", "sad", "angry")}
    assert shares == pytest.approx({"neutral": 2 / 3, "happy": 1, "sad": 1, "angry": 2 / 3})


# Recording.


def test_record_writes_results_and_the_best_weights(path, finished):
    recipes.record(NAME, finished.folder)
    entry = zoo.entry(NAME)
    assert entry.results["seeds"] == [1, 2]
    assert entry.results["test"]["mae"]["mean"] == pytest.approx(
        finished.table("test")["mae"]["mean"], abs=1e-5
    )
    assert entry.weights.seed == finished.best_seed
    kept = finished.folder / f"seed_{finished.best_seed}" / "best.weights.h5"
    assert entry.weights.sha256 == sha256(path.with_name(entry.weights.file))
    with pytest.warns(zoo.SimulatedWeightsWarning):
        shipped, trained = zoo.load(NAME), zoo.load(NAME, weights=kept)
    for one, other in zip(shipped.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "mae" in zoo.score(entry) and "2 seeds, simulated" in zoo.score(entry)
    scores, constant = None, None
    with pytest.warns(zoo.SimulatedWeightsWarning):
        scores, constant = recipes.evaluate(NAME)
    assert scores == pytest.approx(finished.seeds[finished.best_seed]["test"], abs=1e-5)
    assert constant == pytest.approx(finished.seeds[1]["baseline"]["test"], abs=1e-5)
    assert path.read_text().startswith("# A comment that stays.")
    for text in ("| mae |", "Mean ± sd over the seeds 1, 2"):
        assert text in zoo.card(NAME)


def test_record_wants_a_label_for_overrides(path, finished):
    before = path.read_text()
    changed = before.replace("rank = 2", "rank = 3")
    path.write_text(changed)
    with pytest.raises(ValueError, match="expected the entry's own recipe. Received: .*rank=2"):
        recipes.record(NAME, finished.folder)
    assert path.read_text() == changed
    assert not list(path.parent.glob("*.h5"))


def test_rows_of_a_table_are_compared_over_seeds(path, finished, tmp_path):
    run = recipes.train(NAME, tmp_path / "run", overrides={"rank": 1, "epochs": 1}, verbose=0)
    recipes.record(NAME, run.folder, table="Table 5", label="backbone")
    assert "rank=1" in zoo.card(NAME)
    recipes.record(NAME, finished.folder)
    recipes.record(NAME, finished.folder, table="Table 5", label="full", against="backbone")
    recipes.record(NAME, run.folder, table="Table 5", label="short", against="recorded")
    rows = zoo.entry(NAME).results["rows"]
    assert [row["label"] for row in rows] == ["backbone", "full", "short"]
    assert rows[0]["settings"] == {"rank": 1, "epochs": 1}
    assert "p" not in rows[0]["test"]["mae"]
    p_values = [row["test"]["mae"]["p"] for row in rows[1:]]
    assert 0 <= p_values[0] == p_values[1] <= 1
    assert "Table 5" in zoo.card(NAME) and "(backbone)" in zoo.card(NAME)
    # A row of the same name is replaced, the others stay.
    recipes.record(NAME, run.folder, table="Table 5", label="backbone")
    assert [row["label"] for row in zoo.entry(NAME).results["rows"]] == [
        "backbone",
        "full",
        "short",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"table": "Table 5"}, "table and label together"),
        ({"label": "full"}, "table and label together"),
        ({"against": "full"}, "table and label together"),
        ({"table": "A", "label": "b", "against": "c"}, "against='c'. Valid: b"),
    ],
)
def test_record_wants_table_label_and_what_is_there(path, finished, arguments, message):
    before = path.read_text()
    with pytest.raises(ValueError, match=message):
        recipes.record(NAME, finished.folder, **arguments)
    assert path.read_text() == before


def test_record_takes_the_run_itself(path, finished):
    recipes.record(NAME, finished)
    of_run = zoo.entry(NAME)
    recipes.record(NAME, finished.folder)
    of_folder = zoo.entry(NAME)
    assert of_run.weights == of_folder.weights
    for key in ("seeds", "test", "validation", "shipped"):
        assert of_run.results[key] == of_folder.results[key]
    one = dataclasses.replace(finished, seeds={2: finished.seeds[2]})
    recipes.record(NAME, one, table="Table 5", label="second seed")
    assert zoo.entry(NAME).results["rows"][0]["seeds"] == [2]
    other = dataclasses.replace(finished.entry, name="another")
    with pytest.raises(ValueError, match=f"expected a run of {NAME}. Received: run, of another"):
        recipes.record(NAME, dataclasses.replace(finished, entry=other))


def test_seeds_of_different_data_are_not_averaged(path, finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "run")
    file = tmp_path / "run" / "seed_2" / "results.json"
    file.write_text(file.read_text().replace(finished.seeds[2]["data_sha256"], "0" * 64))
    with pytest.raises(ValueError, match="seeds that share their data_sha256"):
        recipes.record(NAME, tmp_path / "run")


def test_seeds_can_be_recorded_one_after_the_other(path, finished, tmp_path):
    recipes.record(NAME, finished.folder)
    together, weights = zoo.entry(NAME).results, zoo.entry(NAME).weights
    first, second = (one_seed(finished, seed, tmp_path / str(seed)) for seed in (1, 2))
    path.write_text(path.read_text().split("[results]")[0])
    # The second first: where nothing is recorded there is nothing to add it to.
    recipes.record(NAME, second, add=True)
    assert zoo.entry(NAME).results["seeds"] == [2]
    recipes.record(NAME, first, add=True)
    assert zoo.entry(NAME).results["seeds"] == [1, 2]
    for again in (None, second):
        # A seed that is there already is replaced. Whichever comes last, the best one ships.
        if again:
            recipes.record(NAME, again, add=True)
        entry = zoo.entry(NAME)
        assert_same_scores(entry.results, together)
        assert entry.results["shipped"] == together["shipped"]
        assert (entry.weights.seed, entry.weights.sha256) == (weights.seed, weights.sha256)
    recipes.record(NAME, second)
    assert zoo.entry(NAME).results["seeds"] == [2]


def test_seeds_of_a_row_can_be_recorded_one_after_the_other(path, finished, tmp_path):
    recipes.record(NAME, finished.folder)
    row = {"table": "Table 5", "label": "again", "against": "recorded", "add": True}
    recipes.record(NAME, finished.folder, **row)
    (together,) = zoo.entry(NAME).results["rows"]
    path.write_text(path.read_text().split("[[results.rows]]")[0])
    for seed in (2, 1):
        recipes.record(NAME, one_seed(finished, seed, tmp_path / str(seed)), **row)
    (row_of_both,) = zoo.entry(NAME).results["rows"]
    assert row_of_both["seeds"] == [1, 2] and "p" in row_of_both["test"]["mae"]
    assert_same_scores(row_of_both, together)
    run = recipes.train(NAME, tmp_path / "run", [3], overrides={"epochs": 1}, verbose=0)
    with pytest.raises(ValueError, match="expected a run with the settings of the row"):
        recipes.record(NAME, run.folder, **row)


def test_seeds_of_different_data_do_not_join(path, finished, tmp_path):
    recipes.record(NAME, finished.folder)
    before = path.read_text()
    second = one_seed(finished, 2, tmp_path / "2")
    file = second / "seed_2" / "results.json"
    file.write_text(file.read_text().replace(finished.seeds[2]["data_sha256"], "0" * 64))
    with pytest.raises(ValueError, match="seeds that share their data_sha256.*for seed 2"):
        recipes.record(NAME, second, add=True)
    assert path.read_text() == before


def test_the_choices_of_gates_join_fold_by_fold():
    shared = {"backend": "torch", "versions": {}, "data_sha256": "0", "parameters": 1}

    def found(seeds, values, primary):
        table = {"mae": {"per_seed": values, "mean": 0.0, "baseline": 1.5}}
        return {**shared, "seeds": seeds, "primary": primary, "validation": table, "test": table}

    recorded = found([1, 3], [1.0, 5.0], ["text", "audio", "vision", "text"])
    both = joined(recorded, found([2, 3], [2.0, 3.0], ["audio", "audio", "text", "text"]))
    assert both["seeds"] == [1, 2, 3]
    assert both["primary"] == ["text", "audio", "audio", "audio", "text", "text"]
    wanted = {"per_seed": [1.0, 2.0, 3.0], "mean": 2.0, "sd": 1.0, "baseline": 1.5}
    assert both["test"]["mae"] == both["validation"]["mae"] == wanted


def assert_same_scores(one, other):
    for split in ("validation", "test"):
        assert one[split].keys() == other[split].keys()
        for metric, numbers in other[split].items():
            found, wanted = dict(one[split][metric]), dict(numbers)
            assert found.pop("per_seed") == wanted.pop("per_seed")
            # Means of rounded numbers.
            assert found == pytest.approx(wanted, abs=2e-6)


def one_seed(run, seed, folder):
    """Copy a run folder with one of its seeds."""
    others = [f"seed_{each}" for each in run.seeds if each != seed]
    return shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns(*others))


def test_a_run_that_is_not_there(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run.json"):
        recipes.record(NAME, tmp_path)
    open_run(tmp_path / "run", zoo.entry(NAME), RunData("0" * 64, {}))
    with pytest.raises(FileNotFoundError, match="none is finished"):
        recipes.record(NAME, tmp_path / "run")
