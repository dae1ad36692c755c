"""Cross-validation: a recipe with folds trains each of them and reports their mean."""

import json

import numpy as np
import pytest
import tiny_zoo

from kerasfuse import atomic, recipes, zoo
from kerasfuse.datasets.formats.openface import UNITS
from kerasfuse.recipes.run_folder import LOCK
from kerasfuse.recipes.training import begin, train_seed

soundfile = pytest.importorskip("soundfile")

ACTORS = (1, 2, 3)
ENTRY = (
    tiny_zoo.ENTRY.replace(
        "{ text = 300, audio = 5, vision = 20 }", "{ text = 8, audio = 64, vision = 35 }"
    )
    .replace("rank = 2", "rank = 2\nnum_outputs = 8")
    .replace('name = "simulated"', 'name = "ravdess"')
    .replace('like = "mosi"\nnum_samples = 24\n', "fold = 2\n")
    .replace("typical_lengths = { text = 4, audio = 6, vision = 5 }\n", "")
    .replace('world = "codes"\n', "")
    .replace('loss = "mae"', 'loss = "sparse_categorical_crossentropy"')
    .replace('metrics = "mosi"\nscore = "mae"', 'metrics = "ravdess"\nscore = "accuracy"')
    .replace("epochs = 3", "epochs = 2")
    .replace("seeds = [1, 2]", "seeds = [1, 2]\nfolds = [1, 2, 3]")
)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Make six takes of three actors each, in the format of RAVDESS, and the entry."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder = tmp_path / "data"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for actor in ACTORS:
        for emotion in (1, 5, 8):
            for statement in (1, 2):
                take = f"01-{emotion:02d}-01-{statement:02d}-01-{actor:02d}"
                sound = generator.normal(size=3200) / 10
                soundfile.write(folder / f"03-{take}.flac", sound, 16000)
                rows = [UNITS, *generator.uniform(0, 5, (4, 35)).round(2).astype(str)]
                (folder / f"01-{take}.csv").write_text("\n".join(";".join(row) for row in rows))
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)
    return folder


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_a_seed_is_the_mean_of_its_folds(data, tmp_path):
    run = recipes.train(tiny_zoo.NAME, tmp_path / "run", [1], data_dir=data, verbose=0)
    seed = tmp_path / "run" / "seed_1"
    folds = {fold: results(seed / f"fold_{fold}") for fold in (1, 2, 3)}
    assert len({found["test"]["loss"] for found in folds.values()}) == 3
    for split in ("validation", "test"):
        for metric in ("loss", "accuracy", "f1"):
            mean = np.mean([found[split][metric] for found in folds.values()])
            assert run.seeds[1][split][metric] == pytest.approx(mean)
    constant = np.mean([found["baseline"]["test"]["accuracy"] for found in folds.values()])
    assert run.seeds[1]["baseline"]["test"]["accuracy"] == pytest.approx(constant)
    # The weights are those of the fold that the entry names.
    kept = (seed / "best.weights.h5").read_bytes()
    assert kept == (seed / "fold_2" / "best.weights.h5").read_bytes()
    assert run.seeds[1]["monitor"] == folds[2]["monitor"]
    recipes.record(tiny_zoo.NAME, run.folder)
    assert "each on the folds 1, 2, 3" in zoo.card(tiny_zoo.NAME)
    scores, _ = recipes.evaluate(tiny_zoo.NAME, data_dir=data)
    assert scores == pytest.approx(folds[2]["test"], abs=1e-6)


def test_a_fold_that_is_finished_is_not_trained_again(data, tmp_path, monkeypatch):
    from kerasfuse.recipes import training

    once, done = training._train_once, []

    def dies_in_the_last(entry, *arguments, **others):
        if len(done) == 2:
            raise KeyboardInterrupt
        once(entry, *arguments, **others)
        done.append(entry.data_args["fold"])

    with monkeypatch.context() as patched:
        patched.setattr(training, "_train_once", dies_in_the_last)
        with pytest.raises(KeyboardInterrupt):
            recipes.train(tiny_zoo.NAME, tmp_path / "run", [1], data_dir=data, verbose=0)
    assert done == [1, 2] and not (tmp_path / "run" / "seed_1" / "results.json").exists()
    before = results(tmp_path / "run" / "seed_1" / "fold_1")
    run = recipes.train(tiny_zoo.NAME, tmp_path / "run", [1], data_dir=data, verbose=0)
    assert run.seeds[1]["folds"]["1"] == before
    assert set(run.seeds[1]["folds"]) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("folds = [1, 2, 3]", "folds = 3", "folds to be a list"),
        ("folds = [1, 2, 3]", "folds = [1, 3]", "data.fold to be one of them"),
        ("folds = [1, 2, 3]", "folds = [2, 2]", "different folds"),
    ],
)
def test_folds_that_do_not_fit_are_told(monkeypatch, tmp_path, before, after, message):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY.replace(before, after))
    with pytest.raises(ValueError, match=message):
        zoo.entry(tiny_zoo.NAME)


def test_data_without_folds_are_told(monkeypatch, tmp_path):
    text = tiny_zoo.ENTRY.replace("seeds = [1, 2]", "seeds = [1, 2]\nfolds = [1]")
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", text)
    with pytest.raises(ValueError, match="have an argument `fold`"):
        zoo.entry(tiny_zoo.NAME)


def test_folds_that_are_trained_apart_join_to_the_same(data, tmp_path):
    name = tiny_zoo.NAME
    whole = recipes.train(name, tmp_path / "whole", [1], data_dir=data, verbose=0)
    apart = begin(name, tmp_path / "apart", [1], data_dir=data)
    assert list(apart.tasks) == [f"seed 1, fold {fold}" for fold in (1, 2, 3)]
    for fold in (3, 1, 2):
        train_seed(apart.entry, apart.folder, 1, verbose=0, fold=fold)
        assert recipes.states(apart.folder)[0].state == "stopped", "its folds are not joined yet"
    joined = recipes.train(name, apart.folder, [1], data_dir=data, verbose=0)
    for metric, numbers in whole.table("test").items():
        assert joined.table("test")[metric] == numbers


def test_a_fold_that_another_process_trains_is_left_alone(data, tmp_path):
    begun = begin(tiny_zoo.NAME, tmp_path / "run", [1], data_dir=data)
    fold = begun.folder / "seed_1" / "fold_1"
    with atomic.locked(fold / LOCK):
        writing = fold / ".0123abcd.history.csv"
        writing.touch()
        assert recipes.states(begun.folder)[0].state == "running"
        for only in (1, None):
            with pytest.raises(BlockingIOError, match="fold_1.*which one trains now"):
                train_seed(begun.entry, begun.folder, 1, verbose=0, fold=only)
        assert writing.exists()
