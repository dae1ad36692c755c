"""What every data set of the registry is held to, on small files of its formats."""

import dataclasses
import itertools

import numpy as np
import pytest
from toy_data_sets import FILES

from kerasfuse import datasets, zoo
from kerasfuse.entries import recipe as recipes_module
from kerasfuse.recipes import scoring
from kerasfuse.recipes.label_checks import check_labels

pytest.importorskip("soundfile")
pytest.importorskip("PIL")

SPLITS = ("train", "validation", "test")
_MOST_OUTPUTS = 30
ROWS = [(name, i) for name, writers in FILES.items() for i in range(len(writers))]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Load all splits of a row of `FILES`, once."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        patch.delenv("KERASFUSE_DATA", raising=False)

        def load(name, i):
            if (name, i) not in found:
                data_dir, arguments = FILES[name][i](tmp_path_factory.mktemp(name) / "files")
                found[name, i] = {
                    split: datasets.load(
                        name, split, data_dir=data_dir, shuffle=False, batch_size=3, **arguments
                    )
                    for split in SPLITS
                }
            return found[name, i]

        yield load


def test_no_data_set_is_left_out():
    assert sorted(FILES) == datasets.names()


# No argument of a data set can be all of these.
ODD = [[1, 2], {"a": 1}, "abc", -1, 1.5, float("nan"), True, 10**20, (), None, b"x"]


@pytest.mark.parametrize(("name", "i"), ROWS)
def test_whatever_an_argument_is_it_works_or_is_refused_in_a_sentence(loaded, name, i, tmp_path):
    loaded(name, i)  # once, so that what does not change the records is not converted anew
    data_dir, given = FILES[name][i](tmp_path / "files")
    for argument in datasets.arguments(name):
        refused = 0
        for value in ODD:
            options = {**given, argument: value}
            try:
                datasets.load(name, "train", data_dir=data_dir, **options)
            except (ValueError, FileNotFoundError) as error:
                assert str(error).startswith("expected "), (argument, value, str(error))
                refused += 1
        assert refused >= 5, argument


def batches_of(batches):
    return [batches[index] for index in range(len(batches))]


@pytest.mark.parametrize(("name", "i"), ROWS)
def test_every_split_is_whole_and_finite(loaded, name, i):
    splits = loaded(name, i)
    names = [ids for batches in splits.values() for ids in batches.ids]
    assert len(set(names)) == len(names), "a sample in two splits"
    for batches in splits.values():
        assert batches.num_samples == len(batches.ids) == len(batches.labels) > 0
        assert np.isfinite(batches.labels).all()
        labels = np.concatenate([y for _, y in batches_of(batches)])
        np.testing.assert_array_equal(labels.reshape(batches.labels.shape), batches.labels)
        for inputs, _ in batches_of(batches):
            assert list(inputs) == list(batches.modalities)
            assert all(np.isfinite(x).all() for x in inputs.values())
    # The aligned files of `own` are the same for all splits.
    assert len({split.checksum() for split in splits.values()}) == 3 or (name, i) == ("own", 1)


@pytest.mark.parametrize(("name", "i"), ROWS)
def test_steps_that_are_shared_stay_side_by_side(loaded, name, i):
    for batches in loaded(name, i).values():
        shared = batches.aligned
        assert set(shared) <= set(batches.modalities)
        one_by_one = [batches.gather([row])[0] for row in range(batches.num_samples)]
        for rows in np.array_split(np.arange(batches.num_samples), 2):
            if not len(rows):
                continue
            inputs = batches.gather(rows)[0]
            assert len({inputs[m].shape[1] for m in shared}) <= 1
            # In company a sample is cut and padded as it is alone, all that is shared by as much.
            for place, row in enumerate(rows):
                alone = one_by_one[row]
                assert len({alone[m].shape[1] for m in shared}) <= 1
                for m in shared:
                    steps = alone[m].shape[1]
                    kept = slice(0, steps)
                    if batches.padding == "left":
                        kept = slice(inputs[m].shape[1] - steps, None)
                    np.testing.assert_array_equal(inputs[m][place, kept], alone[m][0])


@pytest.mark.parametrize("name", [name for name in FILES if "aligned" in datasets.arguments(name)])
def test_data_that_can_be_aligned_say_so_when_they_are(loaded, name):
    aligned = [i for i in range(len(FILES[name])) if loaded(name, i)["train"].aligned]
    assert aligned or name == "sims", "no row of FILES loads it aligned"
    for i in aligned:
        assert len(loaded(name, i)["test"].aligned) > 1


def entry_of(name, loss, metrics, labels):
    """An entry of a small model for a data set, a loss and a suite of metrics."""
    entry = zoo.entry("lmf_mosi_utterance")
    count = 1 if labels.ndim < 2 else int(np.prod(labels.shape[1:]))
    # Those of any data name their targets.
    named = {"classes": max(2, int(labels.max()) + 1), "multilabel": count, "regression": count}
    suite = dataclasses.replace(
        entry.recipe,
        loss=loss,
        metrics=metrics,
        targets=[f"target {i}" for i in range(named.get(metrics, 0))],
        score=score_of(metrics, count),
        monitor="val_loss",
    )
    if loss == "sparse_categorical_crossentropy":
        count = datasets.num_classes(name) or int(labels.max()) + 1
    if loss == "sentiment_cross_entropy":
        count = 7
    return dataclasses.replace(
        entry,
        model_args={**entry.model_args, "num_outputs": count},
        data_name=name,
        data_args={},
        recipe=suite,
        published=[],
        results={},
    )


def score_of(metrics, count):
    several = "mean_" * (count > 1)
    of = {"binary": "accuracy", "iemocap": "happy_acc", "mosei_emotions": "mean_acc"}
    of |= {"regression": f"{several}mae", "multilabel": "mean_f1"}
    return of.get(metrics, "mae" if metrics in ("mosi", "mosei", "sims") else "accuracy")


def perfect(loss, labels, count):
    """The outputs of a model that knows the labels."""
    if loss == "sparse_categorical_crossentropy":
        return 40.0 * np.eye(count)[labels.reshape(-1).astype(int)]
    if loss == "sentiment_cross_entropy":
        return 40.0 * np.eye(7)[(np.clip(np.round(labels.reshape(-1)), -3, 3) + 3).astype(int)]
    if loss in ("binary_crossentropy", "emotion_cross_entropy"):
        return (80.0 * labels - 40.0).reshape(len(labels), -1)
    return labels.reshape(len(labels), -1)


@pytest.mark.parametrize(("name", "i"), ROWS)
def test_labels_are_refused_or_scored_truly(loaded, name, i):
    """What passes the check of labels gives the truth a perfect score, and no loss below 0."""
    labels = {split: batches.labels for split, batches in loaded(name, i).items()}
    accepted = []
    outputs = int(np.prod(labels["train"].shape[1:]))
    for loss, metrics in itertools.product(recipes_module.LOSSES, recipes_module.METRICS):
        if metrics in recipes_module.TASKS and outputs > _MOST_OUTPUTS:
            continue  # with metrics of each output, minutes for no more than of the others
        entry = entry_of(name, loss, metrics, labels["train"])
        try:
            check_labels(entry, labels)
        except ValueError as error:
            assert "expected" in str(error) and "Received" in str(error)
            continue
        count = entry.model_args["num_outputs"]
        recipe, y = entry.recipe, labels["test"]
        constant = scoring.constant_scores(recipe, labels["train"], y)
        assert constant.get("loss", 0) >= 0 and np.isfinite(list(constant.values())).all()
        for metric in recipe.make_metrics():
            metric.update_state(y, perfect(loss, y, count).astype("float32"))
            # Seven classes know no sentiment between them: what is read off them is a guess.
            rounds = loss == "sentiment_cross_entropy" and metric.name != "acc7"
            if "acc" in metric.name and not rounds:
                assert float(metric.result()) == pytest.approx(1), (loss, metrics, metric.name)
            if metric.name == "mae" and loss in ("mae", "mse"):
                assert float(metric.result()) == pytest.approx(0), (loss, metrics)
        accepted.append((loss, metrics))
    # Of each second of a video, and of anybody's own files, there is no suite.
    assert accepted or (name, i) in (("ave", 0), ("own", 0), ("own", 1))
