"""Labels that a loss or a suite of metrics would read wrongly are refused before anything runs."""

import numpy as np
import pytest
import tiny_zoo

from kerasfuse import datasets, recipes, zoo
from kerasfuse.entries import recipe
from kerasfuse.recipes import label_checks
from kerasfuse.recipes.label_checks import check_labels

BINARY = {"loss": "binary_crossentropy", "metrics": "binary", "score": "accuracy"}
EMOTIONS = {
    "loss": "binary_crossentropy",
    "metrics": "mosei_emotions",
    "score": "mean_wacc",
    "num_outputs": 6,
}
CLASSES = {"loss": "sparse_categorical_crossentropy", "metrics": "ravdess", "score": "accuracy"}


@pytest.fixture
def entry(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    return zoo.entry(tiny_zoo.NAME)


def labels(*values):
    column = np.array(values, "float32")[:, None]
    return {"train": column, "validation": column[:2], "test": column}


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        # Ratings under a cross-entropy trained to a loss of -516,015 and an accuracy of 100 %.
        (BINARY, (1, 2, 3, 4, 5), "from 0 to 1, as loss = 'binary_cr.*1, 2, 3, 4, 5 in train.*mae"),
        (BINARY, (0, 1, 2), "num_outputs = 3"),
        (BINARY, (0, 0.5, 1), "0 and 1, as metrics = 'binary' reads them.*'mae'"),
        (CLASSES, (0, 1, 8), "classes 0 to 0, as loss"),
        ({**CLASSES, "num_outputs": 8}, (0, 1, 8), "classes 0 to 7, as loss"),
        ({**CLASSES, "num_outputs": 8}, (-1, 1, 2), "classes 0 to 7"),
        # Three classes and eight outputs.
        (
            {**CLASSES, "num_outputs": 8},
            (0, 1, 2),
            "each of the 3 classes of 'simulated'.*outputs = 8",
        ),
        # Both readings of Acc-2 were 100 %.
        (
            {},
            (1, 2, 3, 4, 5),
            "sentiment from -3 to 3, as metrics = 'mosi' reads.*Ratings fit.*numbered from 0",
        ),
        ({}, (0, 1, 2, 3), "sentiment from -3 to 3"),
        (EMOTIONS, (0, 1, 1), "six emotions, each 0 or 1, as metrics = 'mosei_emotions'"),
        # Keras would repeat the label.
        (
            {**BINARY, "num_outputs": 2},
            (0, 1, 1),
            "of the 1 numbers.*num_outputs = 2.*outputs to 1",
        ),
        ({"num_outputs": 7}, (-1, 1, 2), "num_outputs = 7, and labels -1, 1, 2 in train"),
        ({}, (0.5, 4.5, -9.5), "shift yours so that 0 is neutral"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(entry, settings, values, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        check_labels(entry.override(settings), labels(*values))


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({}, (-3, 0.2, 2)),
        (BINARY, (0, 1, 1)),
        ({**CLASSES, "num_outputs": 8}, range(8)),
        ({"metrics": "mosei", "loss": "sentiment_cross_entropy", "num_outputs": 7}, (-2, 1)),
    ],
)
def test_what_fits_passes(entry, settings, values):
    check_labels(entry.override(settings), labels(*values))


def emotions(values=(0, 1), shape=(8, 6)):
    found = np.random.default_rng(0).choice(np.array(values, "float32"), shape)
    return {"train": found, "test": found[:4]}


@pytest.mark.parametrize(
    ("settings", "found", "message"),
    [
        (
            {},
            emotions(),
            "shape .6,. in train.*'binary_crossentropy' with num_outputs = 6.*mosei_em",
        ),
        (BINARY, emotions(), "0 and 1, as metrics = 'binary'"),
        ({**CLASSES, "num_outputs": 6}, emotions(), "classes 0 to 5"),
        (EMOTIONS, emotions((0, 1, 1 / 3)), "six emotions"),
        (EMOTIONS, emotions(shape=(8, 5)), "six emotions.*Several numbers"),
        ({**EMOTIONS, "num_outputs": 1}, emotions(), "each of the 6 numbers.*num_outputs = 1"),
        ({**EMOTIONS, "loss": "mae"}, emotions(), "logits, .*Received: loss = 'mae'.*binary_cross"),
        ({**EMOTIONS, "loss": "sentiment_cross_entropy"}, emotions(), "numbers from -3 to 3"),
    ],
)
def test_labels_of_several_numbers(entry, settings, found, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        check_labels(entry.override(settings), found)


def test_emotions_fit(entry):
    check_labels(entry.override(EMOTIONS), emotions())


def test_one_split_is_enough(entry):
    found = labels(0, 1, 1)
    found["test"] = found["test"] * 2
    with pytest.raises(ValueError, match="0, 2 in test"):
        check_labels(entry.override(BINARY), found)


def write(folder, values):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        arrays = {m: rng.normal(size=(len(values), 3, 4)) for m in ("text", "audio", "vision")}
        np.savez(folder / f"{split}.npz", labels=np.array(values, "float32"), **arrays)
    return folder


@pytest.mark.filterwarnings("ignore:.*speak of modalities:UserWarning")
def test_nothing_is_built_or_written(entry, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    data = write(tmp_path / "ratings", [1, 2, 3, 4, 5])
    overrides = {"data": "own", "modalities": {"text": 4, "audio": 4, "vision": 4}}
    monkeypatch.setattr(type(entry), "build", lambda self: pytest.fail("a model was built"))
    with pytest.raises(ValueError, match=r"1, 2, 3, 4, 5 in train.*of 'own'"):
        recipes.train(entry.name, tmp_path / "run", overrides=overrides, data_dir=data, verbose=0)
    assert not (tmp_path / "run").exists()


def test_the_labels_of_every_entry_at_hand_fit(shared_data):
    # Not of AV-MNIST, whose spectrograms take minutes: `tests/battery` has its labels.
    for name in ("mult_mosi_utterance", "mult_ravdess", "mica_simulated"):
        entry = zoo.entry(name)
        found = {
            split: recipes.scoring.load_split(entry, split, shared_data).labels
            for split in ("train", "validation", "test")
        }
        check_labels(entry, found)


def test_every_loss_and_suite_has_a_rule():
    errors = {"mae", "mse", "sparse_categorical_crossentropy"}  # any number; by the outputs
    assert set(recipe.LOSSES) == errors | set(label_checks._OF_LOSS)
    classes = {name for name in datasets.names() if datasets.num_classes(name)}
    assert set(recipe.METRICS) == classes | set(label_checks._OF_METRICS) | set(recipe.TASKS)


REGRESSION = {"loss": "mae", "metrics": "regression", "score": "mae"}


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (
            {**CLASSES, "metrics": "classes", "targets": ["a", "b"], "num_outputs": 2},
            (0, 1, 2),
            "classes 0 to 1",
        ),
        (
            {**CLASSES, "metrics": "classes", "targets": ["a", "b"], "num_outputs": 3},
            (0, 1, 1),
            "each of the 2 classes of 'simulated'.*num_outputs = 3",
        ),
        (
            {**REGRESSION, "metrics": "multilabel", "targets": ["a"], "score": "mean_f1"},
            (0, 1, 2),
            "1 labels, each 0 or 1",
        ),
        (
            {**REGRESSION, "metrics": "multilabel", "targets": ["a"], "score": "mean_f1"},
            (0, 1, 1),
            "logits.*loss to 'binary_crossentropy'",
        ),
    ],
)
def test_what_does_not_fit_a_task(entry, settings, values, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        check_labels(entry.override(settings), labels(*values))


def test_a_class_that_no_sample_has_is_an_output_all_the_same(entry):
    settings = {**CLASSES, "metrics": "classes", "targets": ["a", "b", "c"], "num_outputs": 3}
    check_labels(entry.override(settings), labels(0, 1, 1))
    check_labels(entry.override(REGRESSION), labels(100, 7, 3.5))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**CLASSES, "metrics": "classes"}, "the names of 2 or more classes"),
        ({**REGRESSION, "targets": ["a", "a"], "score": "mean_mae"}, "different targets"),
        ({"targets": ["a"]}, "under metrics regression, classes, multilabel only"),
        ({"class_weights": "even"}, "class_weights.*balanced"),
    ],
)
def test_targets_that_no_recipe_has(entry, settings, message):
    with pytest.raises(ValueError, match=message):
        entry.override(settings)


def test_the_best_constant_of_each_task(entry):
    several = entry.override(
        {**REGRESSION, "targets": ["a", "b"], "score": "mean_mae", "num_outputs": 2}
    )
    train = np.array([[0.0, 10.0], [2.0, 10.0], [10.0, 40.0]])
    found = recipes.constant_scores(several.recipe, train, train)
    # The median of each column; correlations have none.
    assert found["a_mae"] == pytest.approx(10 / 3) and found["b_mae"] == pytest.approx(10)
    assert not [name for name in found if "corr" in name or "spearman" in name]
    many = entry.override(
        {
            "loss": "binary_crossentropy",
            "metrics": "multilabel",
            "targets": ["a", "b"],
            "score": "mean_f1",
            "num_outputs": 2,
        }
    )
    # Everything is present: F1 2/3 where half of the samples have the label.
    y = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert recipes.constant_scores(many.recipe, y, y)["mean_f1"] == pytest.approx(2 / 3)
