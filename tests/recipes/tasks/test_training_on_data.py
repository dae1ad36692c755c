"""From a table to a model: every kind of label, any class of model, any entry."""

import csv
import warnings

import numpy as np
import own_files
import pytest
import tiny_zoo

from kerasfuse import datasets, models, recipes, zoo
from kerasfuse.entries import parsing
from kerasfuse.entries.arguments import model_classes
from kerasfuse.entries.serialization import to_toml
from kerasfuse.recipes.tasks.checks import DataWarning
from kerasfuse.recipes.tasks.starting import starting_entry

FAST = {"epochs": 1, "batch_size": 16}
LMF = {**FAST, "dim": 4, "rank": 2}
pytestmark = [
    pytest.mark.filterwarnings("ignore::kerasfuse.recipes.tasks.checks.DataWarning"),
    pytest.mark.filterwarnings("ignore::kerasfuse.zoo.WeightTermsWarning"),
]


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def train(folder, data, name="LMF", overrides=LMF, **options):
    return recipes.train(
        name, folder, seeds=[1], verbose=0, data=data, overrides=overrides, **options
    )


WANTED = {
    "number": ("regression", "mae", 1, ()),
    "numbers": ("regression", "mean_mae", 2, ("calm", "open mind")),
    "binary": ("binary", "accuracy", 1, ()),
    "integers": ("classes", "accuracy", 3, ("1", "2", "3")),
    "classes": ("classes", "accuracy", 3, ("glad", "mad", "sad")),
    "multilabel": ("multilabel", "mean_f1", 2, ("joy", "fear")),
}


@pytest.mark.parametrize("kind", own_files.KINDS)
def test_the_task_is_read_from_the_labels(tmp_path, kind):
    told = []
    data = own_files.write(tmp_path / "data", kind)
    run = train(tmp_path / "run", data, report=told.append)
    recipe = run.entry.recipe
    outputs = run.entry.model_args["num_outputs"]
    assert (recipe.metrics, recipe.score, outputs, recipe.targets) == WANTED[kind]
    assert run.entry.scaling == {"features": True, "labels": kind in ("number", "numbers")}
    assert "36 train, 12 validation, 12 test; speech 4, pulse 2" in told[0]
    # The folder is a model, whatever the zoo holds.
    scores, constant = recipes.evaluate(tmp_path / "run")
    wanted = run.first["test"]
    assert scores == pytest.approx(wanted, rel=1e-4) and set(constant) <= set(wanted)
    # The same names in the history, in results and in tables.
    with open(run.folder / "seed_1" / "history.csv", newline="") as file:
        columns = next(csv.reader(file))
    assert {f"val_{name}" for name in wanted} <= set(columns)


def test_scores_are_those_of_numpy(tmp_path):
    run = train(tmp_path / "run", own_files.write(tmp_path / "data", "number"))
    with np.load(run.folder / "seed_1" / "predictions.npz") as kept:
        y, p = kept["labels"][:, 0].astype(float), kept["outputs"][:, 0].astype(float)
    assert run.first["test"]["mae"] == pytest.approx(np.abs(y - p).mean(), rel=1e-5)
    assert run.first["test"]["corr"] == pytest.approx(np.corrcoef(y, p)[0, 1], abs=1e-4)
    assert run.first["baseline"]["test"]["mae"] > 5  # labels have a deviation of 10


SMALL = {"SelfMM": {"lstm_units": 4}, "MMIM": {"lstm_units": 4}, "EarlyFusion": {"units": [8]}}


@pytest.mark.parametrize("model", sorted(set(model_classes()) - {"MAGBERT", "HCTMG"}))
def test_every_class_of_model(tmp_path, model):
    # MAGBERT needs a backbone, HCTMG three modalities. SelfMM makes up labels that are numbers.
    kind = "number" if model == "SelfMM" else "classes"
    entry = starting_entry(model, own_files.write(tmp_path, kind)).entry
    if "dim" in entry.model_args:
        entry = entry.override({"dim": 8 if model != "TextGuidedTransformer" else 16})
    entry = entry.override(SMALL.get(model, {}))
    built = entry.build()
    train = recipes.scoring.load_split(entry, "train", tmp_path / "samples.csv")
    built.adapt(train)
    recipes.scoring.compile_model(built, entry)
    history = built.fit(train, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert built.predict(train, verbose=0).shape == (36, 1 if kind == "number" else 3)


def test_folds_by_speaker(tmp_path):
    data = own_files.write(tmp_path / "data", "classes", splits=False)
    overrides = {**LMF, "folds": 3, "group": "speaker"}
    run = train(tmp_path / "run", data, overrides=overrides)
    assert run.entry.recipe.folds == (0, 1, 2)
    assert set(run.first["folds"]) == {"0", "1", "2"}
    # Nobody is warned: no speaker is in two splits.
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        starting_entry("LMF", data, overrides=overrides)


def test_a_division_where_the_files_have_none(tmp_path):
    data = own_files.write(tmp_path / "data", "binary", splits=False)
    told = starting_entry("LMF", data, overrides={"validation": 0.2, "group": "speaker"}).told
    assert "39 train, 12 validation, 9 test" in told[0] or "40 train, 12" in told[0]


def test_one_modality_and_one_step(tmp_path):
    rng = np.random.default_rng(0)
    age = rng.normal(size=(40, 1))
    np.savez(tmp_path / "samples.npz", age=age, labels=3 * age[:, 0] + 7)
    run = train(tmp_path / "run", tmp_path / "samples.npz", "LFLSTM", {**FAST, "dim": 4})
    assert run.entry.model_args["modalities"] == {"age": 1}
    with pytest.raises(ValueError, match="One modality is enough for LFLSTM"):
        train(tmp_path / "other", tmp_path / "samples.npz", "MulT", FAST)


def test_steps_that_are_shared_are_found(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"words": rng.normal(size=(40, 5, 3)), "sounds": rng.normal(size=(40, 5, 2))}
    np.savez(tmp_path / "samples.npz", labels=rng.normal(size=40), **arrays)
    assert starting_entry("EFLSTM", tmp_path / "samples.npz").entry.data_args["aligned"] is True
    # Others are aligned by the model, to the shortest.
    entry = starting_entry("EFLSTM", own_files.write(tmp_path / "other")).entry
    assert entry.model_args["align_to"] in own_files.WIDTHS and "aligned" not in entry.data_args


def test_what_is_set_wins(tmp_path):
    data = own_files.write(tmp_path, "integers")
    entry = starting_entry("LMF", data, task="number", overrides={"loss": "mse"}).entry
    assert (entry.recipe.loss, entry.recipe.metrics) == ("mse", "regression")
    assert "classes" not in entry.data_args
    entry = starting_entry("LMF", data, overrides={"score": "macro_f1", "monitor": "val_macro_f1"})
    assert entry.entry.recipe.monitor == "val_macro_f1"
    entry = starting_entry("LMF", data, overrides={"scaling": {}, "class_weights": "balanced"})
    assert not entry.entry.scaling and entry.entry.recipe.class_weights == "balanced"
    with pytest.raises(ValueError, match="0 and 1, as task='binary' says"):
        starting_entry("LMF", data, task="binary")


def test_units_of_the_files_do_not_matter(tmp_path):
    # Defaults alone: features times 1,000, labels of a deviation of 10 around 100.
    scores = []
    for factor in (1, 1000):
        data = own_files.write(tmp_path / str(factor), "number", factor=factor)
        run = train(tmp_path / f"run-{factor}", data, overrides={**LMF, "epochs": 4})
        scores.append(run.first["test"]["mae"])
    assert scores[1] == pytest.approx(scores[0], rel=1e-3)


def test_an_entry_is_where_training_begins(tmp_path, monkeypatch):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    recipes.record(
        tiny_zoo.NAME, recipes.train(tiny_zoo.NAME, tmp_path / "first", seeds=[1], verbose=0)
    )
    data = own_files.write(tmp_path / "data", "classes")
    run = train(tmp_path / "run", data, tiny_zoo.NAME, FAST)
    assert run.entry.name == "tiny_simulated_on_samples"
    assert run.entry.recipe.initial_weights == tiny_zoo.NAME
    assert run.entry.model_args["dim"] == 4
    fresh = train(tmp_path / "fresh", data, tiny_zoo.NAME, FAST, from_scratch=True)
    assert fresh.entry.recipe.initial_weights is None
    # A run is where another one begins.
    again = train(tmp_path / "again", data, tmp_path / "run", {**FAST, "frozen": ["*lstm*"]})
    before, after = (zoo.load(tmp_path / name) for name in ("run", "again"))
    frozen = [layer.name for layer in before.inner.layers if "lstm" in layer.name]
    for name in frozen:
        for a, b in zip(
            before.inner.get_layer(name).get_weights(),
            after.inner.get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
    assert frozen and again.entry.recipe.frozen == ("*lstm*",)
    with pytest.raises(ValueError, match="frozen to name layers.*'nothing'"):
        train(tmp_path / "none", data, tiny_zoo.NAME, {**FAST, "frozen": ["nothing"]})


def test_class_weights_make_classes_count_alike(tmp_path):
    from kerasfuse.recipes.tasks.preparing import weigh_classes

    batches = datasets.Batches({"x": np.ones((6, 1, 1))}, [0, 0, 0, 0, 1, 1])
    recipe = zoo.Recipe(
        **{
            "loss": "binary_crossentropy",
            "metrics": "binary",
            "score": "accuracy",
            "monitor": "val_loss",
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "clip_norm": 1.0,
            "batch_size": 2,
            "epochs": 1,
            "early_stopping": 1,
            "seeds": (1,),
            "plateau_factor": 0.5,
            "plateau_patience": 1,
            "class_weights": "balanced",
        }
    )
    weigh_classes(batches, recipe)
    np.testing.assert_allclose(batches.sample_weight, [0.75] * 4 + [1.5] * 2)
    data = own_files.write(tmp_path / "data", "binary")
    train(tmp_path / "run", data, overrides={**LMF, "class_weights": "balanced"})


def change_label(row, value):
    def change(rows):
        rows[row]["label"] = value

    return change


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("number", change_label(3, "happy"), "1 of 60 rows: 'happy' in .*line 5, sample 's3'"),
        (
            "number",
            lambda rows: [row.update(label="2.5") for row in rows],
            "labels that differ. Received: 2.5 for all 36 samples",
        ),
        (
            "multilabel",
            lambda rows: [row.update(label_joy="1") for row in rows],
            "1 of 2 columns: 'joy' is 1",
        ),
        (
            "classes",
            lambda rows: [row.update(split="test") for row in rows if row["label"] == "mad"],
            "training samples of every class. Received: none of 1 of 3 classes: 'mad'",
        ),
        (
            "number",
            lambda rows: [row.update(speech=f"{i}.npy") for i, row in enumerate(rows[:5])],
            "'speech' names. Received: 5 of 60 rows: .*0.npy.*1.npy.*2.npy.*and 2 more",
        ),
        (
            "number",
            lambda rows: [row.update(id="s0") for row in rows[:7]],
            "one row an id. Received: 2 of 60 rows|one row an id. Received: [34] of 60 rows",
        ),
    ],
)
def test_bad_input_is_told_before_training(tmp_path, kind, change, message):
    data = own_files.write(tmp_path / "data", kind, change=change)
    with pytest.raises((ValueError, FileNotFoundError), match=f"(?s){message}"):
        train(tmp_path / "run", data)
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("default::kerasfuse.recipes.tasks.checks.DataWarning")
def test_doubtful_input_is_warned_of(tmp_path):
    data = own_files.write(tmp_path / "a", "number")
    with pytest.warns(DataWarning, match="15 of 15 of them: p0.*--folds 5 --group speaker"):
        starting_entry("LMF", data)
    data = own_files.write(
        tmp_path / "b", "classes", change=lambda rows: rows[0].update(label="bad")
    )
    with pytest.warns(DataWarning) as warned:
        starting_entry("LMF", data)
    text = " ".join(str(each.message) for each in warned)
    assert "validation has no sample of 1 of 4 classes: bad" in text
    assert "with a single sample each: 1 of 4 classes: bad." in text


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("LMF", {}, "data beside the class of a model"),
        ("LMF", {"data": "moosei"}, "Nearest: mosei"),
        ("LMFF", {"data": "simulated"}, "class of model or of an entry.*name='LMFF'. Nearest: LMF"),
        ("mica_mosei", {"task": "number"}, "task and from_scratch beside data"),
    ],
)
def test_names_that_are_none(tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        recipes.train(name, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_named_data_too(tmp_path):
    overrides = {**LMF, "num_samples": 30, "like": "mosi"}
    entry = starting_entry("LMF", "simulated", overrides=overrides).entry
    assert entry.name == "lmf_simulated"
    assert entry.recipe.metrics == "mosi" and entry.data_args == {"num_samples": 30, "like": "mosi"}


def test_a_model_for_another_task_keeps_what_fits(tmp_path, monkeypatch):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    recipes.record(
        tiny_zoo.NAME, recipes.train(tiny_zoo.NAME, tmp_path / "first", seeds=[1], verbose=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zoo.SimulatedWeightsWarning)
        before = zoo.load(tiny_zoo.NAME)
    with pytest.warns(UserWarning) as warned:
        model = zoo.load(
            tiny_zoo.NAME, num_outputs=3, modalities={"text": 300, "audio": 7, "vision": 20}
        )
    assert isinstance(model, models.LMF) and model.output.shape[1] == 3
    same = [w.path for w in before.get_layer("text_lstm").weights]
    assert same
    for a, b in zip(
        before.get_layer("text_lstm").get_weights(),
        model.get_layer("text_lstm").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    told = [str(x.message) for x in warned if x.category is zoo.RemadeWeightsWarning]
    assert len(told) == 1 and "made anew" in told[0] and "audio" in told[0]


# Of those that cannot be, why not.
REFUSED = {
    "HCTMG": "exactly three modalities",
    "MAGBERT": "backbone",
    "SelfMM": "real numbers",
}


@pytest.mark.filterwarnings("ignore:.* speak of modalities that are not among")
@pytest.mark.parametrize("kind", ["number", "classes"])
def test_every_entry_is_a_start_for_any_data(tmp_path, kind):
    data = own_files.write(tmp_path, kind)
    built = set()
    for name in zoo.names():
        start = zoo.entry(name)
        why = REFUSED.get(start.model_class)
        if why and not (start.model_class == "SelfMM" and kind == "number"):
            with pytest.raises(ValueError, match=why):
                starting_entry(name, data).entry.build()
            continue
        text = to_toml(starting_entry(name, data).entry)
        entry = parsing.parse(text.encode(), "test")
        # Of entries that have the same arguments, one is enough.
        if (made := (entry.model_class, *entry.model_args)) not in built:
            assert entry.build().modalities == own_files.WIDTHS, name
            built.add(made)
        assert entry.title != start.title and not entry.features, name
        assert entry.weights.license == "not stated: the terms of the files that it was trained on"


def test_a_run_is_a_start_for_another_task(tmp_path):
    first = own_files.write(tmp_path / "first", "classes")
    run = train(tmp_path / "run", first)
    second = own_files.write(tmp_path / "second", "binary")
    other = train(tmp_path / "other", second, str(run.folder), FAST)
    assert other.entry.recipe.targets == () and other.entry.recipe.metrics == "binary"
    with warnings.catch_warnings():
        # Whoever trains on files of their own knows the terms of these.
        warnings.simplefilter("error", zoo.WeightTermsWarning)
        zoo.load(other.folder)
