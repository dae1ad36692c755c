"""A recipe with a gate search trains in two phases, and goes on in either after a kill."""

import json
import shutil

import pytest
import tiny_zoo
from run_folders import Killed, assert_same_run, files, history, seconds

from kerasfuse import recipes, zoo
from kerasfuse.training.callbacks import FreezeModalityGate, RunCheckpoint

NAME = tiny_zoo.NAME
ENTRY = tiny_zoo.GATED
OVERRIDES = {"epochs": 2}


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_zoo.use(monkeypatch, tmp_path_factory.mktemp("zoo"), ENTRY)
        return recipes.train(NAME, tmp_path_factory.mktemp("run"), None, OVERRIDES, verbose=0)


def gate(run):
    model = run.entry.build()
    model.load_weights(run.folder / "seed_1" / "best.weights.h5")
    return model.get_layer("gate")


def test_the_gate_is_searched_for_and_then_frozen(finished):
    found = finished.seeds[1]["gate_search"]
    assert found == json.loads((finished.folder / "seed_1" / "gate_search.json").read_text())
    epochs = seconds(finished.folder / "seed_1" / "gate_search")
    assert found["epochs"] == len(epochs) == 3
    assert found["seconds"] == pytest.approx(sum(epochs), abs=0.06)
    assert max(found["weights"], key=found["weights"].get) == found["primary"]
    assert len(set(found["weights"].values())) == 3  # it moved
    kept = gate(finished)
    assert kept.is_frozen and kept.choice == found["primary"]
    assert kept.probabilities == pytest.approx(found["weights"], rel=1e-5)


def test_both_phases_keep_their_history(finished):
    search = history(finished.folder / "seed_1" / "gate_search")
    assert len(search) == 3 and {"gate_text", "val_loss"} <= set(search[0])
    main = history(finished.folder / "seed_1")
    assert len(main) == 2 and "gate_text" not in main[0]


def test_the_search_ends_when_the_gate_rests(path, tmp_path, monkeypatch):
    soon = FreezeModalityGate(patience=2)
    monkeypatch.setattr("kerasfuse.recipes.gate_search.FreezeModalityGate", lambda: soon)
    nothing_moves = {"epochs": 1, "learning_rate": 1e-30}
    run = recipes.train(NAME, tmp_path / "run", None, nothing_moves, verbose=0)
    assert run.seeds[1]["gate_search"]["epochs"] == 2


def test_a_fixed_gate_is_not_searched_for(path, tmp_path):
    fixed = {"gate": "fixed", "primary": "vision", "epochs": 1}
    run = recipes.train(NAME, tmp_path / "run", None, fixed, verbose=0)
    assert "gate_search" not in run.seeds[1] and gate(run).choice == "vision"
    assert not any("gate_search" in name for name in files(run.folder))


def test_a_run_killed_in_either_phase_and_between_goes_on_where_it_was(
    path, tmp_path, monkeypatch, finished
):
    # One run that is killed three times, for each start builds its models anew.
    for folder, method, epoch in (
        ("gate_search", "on_train_batch_end", 2),
        ("gate_search", "on_train_end", 3),
        ("seed_1", "on_train_batch_end", 1),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(RunCheckpoint, method, dying(method, folder, epoch))
            with pytest.raises(Killed):
                recipes.train(NAME, tmp_path / "run", None, OVERRIDES, verbose=0)
    again = recipes.train(NAME, tmp_path / "run", None, OVERRIDES, verbose=0)
    assert again.seeds[1]["gate_search"]["weights"] == pytest.approx(
        finished.seeds[1]["gate_search"]["weights"], rel=1e-6
    )
    assert_same_run(again, finished)


def dying(method, folder, epoch):
    """Return the method of a callback that kills the run in an epoch of one of its folders."""
    whole = getattr(RunCheckpoint, method)

    def kill(self, *arguments, **keywords):
        if self.folder.name == folder and self.initial_epoch == epoch:
            raise Killed
        whole(self, *arguments, **keywords)

    return kill


def test_the_search_is_part_of_the_recipe(path, finished):
    longer = {**OVERRIDES, "gate_search": {"batch_size": 8, "epochs": 5}}
    with pytest.raises(ValueError, match="other values for gate_search"):
        recipes.train(NAME, finished.folder, None, longer)


def test_what_the_gate_chose_is_recorded(path, finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "run")
    recipes.record(NAME, tmp_path / "run", table="Table 4", label="searched")
    primary = finished.seeds[1]["gate_search"]["primary"]
    assert zoo.entry(NAME).results["rows"][0]["primary"] == [primary]
    path.write_text(ENTRY.replace("epochs = 3", "epochs = 2", 1))
    recipes.record(NAME, tmp_path / "run")
    card = zoo.card(NAME)
    assert f"The gate chose {primary} in 1 of 1 searches." in card
    assert "batch 8, until the gate rests, at most 3 epochs" in card


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("3", "expected gate_search to hold batch_size and epochs. Received: gate_search=3"),
        ("{ epochs = 3 }", "expected gate_search to hold batch_size and epochs"),
        ("{ epochs = 0, batch_size = 8 }", "expected gate_search.epochs to be a whole number"),
    ],
)
def test_a_wrong_search_is_told(monkeypatch, tmp_path, value, message):
    tiny_zoo.use(monkeypatch, tmp_path, ENTRY.replace("{ batch_size = 8, epochs = 3 }", value))
    with pytest.raises(ValueError, match=message):
        zoo.entry(NAME)


def test_a_search_wants_a_model_with_a_gate(monkeypatch, tmp_path):
    text = tiny_zoo.ENTRY.replace(
        "seeds = [1, 2]\n", "seeds = [1]\ngate_search = { batch_size = 8, epochs = 1 }\n"
    )
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", text)
    with pytest.raises(ValueError, match="expected a model with one .*ModalityGate"):
        recipes.train(NAME, tmp_path / "run", verbose=0)
