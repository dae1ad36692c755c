"""A recipe with companions, AdamW and a warm-up, and how it goes on after a kill."""

import keras
import pytest
import tiny_zoo
from run_folders import Killed, assert_same_run, files, history

from kerasfuse import datasets, recipes, zoo
from kerasfuse.recipes.scoring import compile_model
from kerasfuse.training.callbacks import RunCheckpoint

NAME = tiny_zoo.NAME
ENTRY = tiny_zoo.ACCOMPANIED


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_zoo.use(monkeypatch, tmp_path_factory.mktemp("zoo"), ENTRY)
        return recipes.train(NAME, tmp_path_factory.mktemp("run"), verbose=0)


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)


def test_companions_are_trained_on_and_leave_nothing_behind(finished, monkeypatch):
    rows = history(finished.folder / "seed_1")
    assert len(rows) == 3 and {"contrast", "val_mae", "mae"} <= set(rows[0])
    assert "seed_1/companions.npz" not in files(finished.folder)


def test_the_learning_rate_climbs_and_biases_do_not_decay(path):
    entry = zoo.entry(NAME)
    model = entry.build()
    compile_model(model, entry, steps=10)
    model.optimizer.build(model.trainable_variables)
    schedule = model.optimizer._learning_rate
    assert (schedule.peak, schedule.warmup_steps, schedule.total_steps) == (1e-2, 10, 30)
    decays = {v.path: model.optimizer._use_weight_decay(v) for v in model.trainable_variables}
    assert {v.path.split("/")[-1] for v in model.trainable_variables if not decays[v.path]} == {
        "bias",
        "gamma",
        "beta",
    }
    assert all(decays[path] for path in decays if path.endswith("kernel"))


def test_a_run_killed_twice_goes_on_with_the_companions_that_it_had(
    path, finished, tmp_path, monkeypatch
):
    batch = RunCheckpoint.on_train_batch_end
    # Epoch 2 is the one after a choice of companions, which it does not make anew.
    for epoch in (1, 2):

        def dies(self, *args, epoch=epoch, **kwargs):
            batch(self, *args, **kwargs)
            if self.state["epoch"] == epoch:
                raise Killed

        with monkeypatch.context() as killing:
            killing.setattr(RunCheckpoint, "on_train_batch_end", dies)
            with pytest.raises(Killed):
                recipes.train(NAME, tmp_path / "run", verbose=0)
    assert_same_run(recipes.train(NAME, tmp_path / "run", verbose=0), finished)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("warmup_epochs = 1\n", ""), "or warmup_epochs in their place"),
        (("warmup_epochs = 1", "warmup_epochs = 3"), "below epochs"),
        (("warmup_epochs = 1", "warmup_epochs = 1\nplateau_factor = 0.5"), "in their place"),
        (("refresh = 2", "refresh = 0"), "companions.refresh"),
        (("refresh = 2", "every = 2"), "companions to hold refresh"),
        (
            ('optimizer = "adamw"', 'optimizer = "adam"'),
            "under optimizer sgd or adamw only",
        ),
    ],
)
def test_what_a_recipe_cannot_say_is_told(path, change, message):
    path.write_text(ENTRY.replace(*change), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        zoo.entry(NAME)


def test_metrics_of_training_count_anchors_alone(path):
    entry = zoo.entry(NAME)
    train = recipes.training.load_split(entry, "train")
    model = entry.build()
    compile_model(model, entry)
    model.optimizer = keras.optimizers.SGD(0.0)
    logs = model.fit(datasets.Companions(train), shuffle=False, verbose=0).history
    assert 0 < logs["mae"][0] < 3
