"""A search reads validation alone, goes on after a kill, and is tested on fresh seeds."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny_zoo
from run_folders import files
from typer.testing import CliRunner

from kerasfuse import analysis, atomic, recipes, zoo
from kerasfuse.cli.commands import app
from kerasfuse.recipes.search import trials as trials_module
from kerasfuse.recipes.search.settings import read_settings
from kerasfuse.recipes.search.study import open_study
from kerasfuse.report import report

pytest.importorskip("optuna")

NAME = tiny_zoo.NAME
SPACE = {
    "rank": {"low": 1, "high": 3},
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
}
ON_OWN = (
    tiny_zoo.ENTRY.replace("text = 300, audio = 5, vision = 20", "text = 3, audio = 2")
    .replace('name = "simulated"', 'name = "own"')
    .replace('like = "mosi"\nnum_samples = 24\n', "")
    .replace("typical_lengths = { text = 4, audio = 6, vision = 5 }\n", "")
    .replace('world = "codes"\n', "")
)


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A small search, for all tests that only look."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_zoo.use(monkeypatch, tmp_path_factory.mktemp("zoo"))
        return recipes.tune(NAME, SPACE, 7, tmp_path_factory.mktemp("search"))


def write_own(folder, splits):
    generator = np.random.default_rng(0)
    for split in splits:
        np.savez(
            folder / f"{split}.npz",
            text=generator.normal(size=(8, 4, 3)),
            audio=generator.normal(size=(8, 5, 2)),
            labels=generator.uniform(-3, 3, 8),
        )


def test_trials_are_runs_and_the_best_is_best_on_validation(found):
    assert [trial.number for trial in found.trials] == list(range(7))
    finished = [trial for trial in found.trials if trial.state == "finished"]
    assert len(finished) >= 5 and found.best.value == min(trial.value for trial in finished)
    for trial in finished:
        folder = found.folder / f"trial_{trial.number:04d}"
        results = json.loads((folder / "seed_0" / "results.json").read_text())
        assert results["monitor"] == trial.value and "test" not in results
        assert not (folder / "seed_0" / "predictions.npz").exists()
        entry = zoo.entry(folder)
        assert entry.model_args["rank"] == trial.settings["rank"] in (1, 2, 3)
        assert entry.recipe.learning_rate == trial.settings["learning_rate"]
        with pytest.raises(ValueError, match="a trial of a search, which never reads it"):
            recipes.read_run(None, folder)
    assert found.pruned == sum(trial.state == "pruned" for trial in found.trials) / 7


def test_the_best_setting_meets_the_default_on_fresh_seeds(found):
    assert list(found.tuned.seeds) == list(found.default.seeds) == [1, 2]
    assert found.tuned.entry.model_args["rank"] == found.best.settings["rank"]
    assert found.default.entry.model_args["rank"] == 2
    scores = [[run.seeds[s]["test"]["mae"] for s in (1, 2)] for run in (found.tuned, found.default)]
    assert found.gain() == analysis.paired_test(*scores)
    fresh = np.mean([found.tuned.seeds[s]["monitor"] for s in (1, 2)])
    assert found.optimism == pytest.approx(fresh - found.best.value)
    assert set(found.importance) == set(SPACE)
    assert sum(found.importance.values()) == pytest.approx(1)


def test_a_search_is_read_back_and_goes_on(found, path, tmp_path):
    assert recipes.read_search(found.folder) == found
    lines = []
    again = recipes.tune(NAME, SPACE, 7, found.folder, report=lines.append)
    assert again == found and not any(line.startswith("trial") for line in lines)
    with pytest.raises(ValueError, match="other values for sampler. Choose another folder"):
        recipes.tune(NAME, SPACE, 7, found.folder, sampler="random")
    with pytest.raises(ValueError, match="other values for epochs"):
        recipes.tune(NAME, SPACE, 7, found.folder, overrides={"epochs": 2})


def test_the_same_search_finds_the_same(path, tmp_path, found):
    again = recipes.tune(NAME, SPACE, 3, tmp_path / "search", seeds=())
    assert [t.settings for t in again.trials] == [t.settings for t in found.trials[:3]]
    # It may stop between two trials, and go on.
    again = recipes.tune(NAME, SPACE, 6, tmp_path / "search", seeds=())
    assert [t.settings for t in again.trials] == [t.settings for t in found.trials[:6]]
    assert again.tuned is None
    with pytest.raises(ValueError, match="whose best setting was trained on fresh seeds"):
        again.gain()


def test_the_test_split_is_not_read(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", ON_OWN)
    data = tmp_path / "data"
    data.mkdir()
    write_own(data, ("train", "validation"))
    ended = recipes.tune(NAME, SPACE, 3, tmp_path / "search", seeds=(), data_dir=data)
    assert [trial.state for trial in ended.trials] == ["finished"] * 3
    # The fresh seeds are scored on it.
    with pytest.raises(ValueError, match="'test'"):
        recipes.tune(NAME, SPACE, 3, tmp_path / "search", data_dir=data)


# Several processes, and killed ones.


def test_processes_share_the_trials(path, tmp_path):
    lines = []
    ended = recipes.tune(NAME, SPACE, 3, tmp_path / "s", seeds=(), jobs=2, report=lines.append)
    assert [trial.state for trial in ended.trials] == ["finished"] * 3
    assert sorted(lines) == [trial.line for trial in ended.trials]
    assert all((tmp_path / "s" / f"worker_{i}.txt").is_file() for i in (0, 1))
    assert not list((tmp_path / "s").rglob(".claim"))


def test_a_trial_whose_process_was_killed_is_taken_over(path, tmp_path, monkeypatch):
    folder = tmp_path / "search"

    class Killed(BaseException):
        pass

    def killed(*arguments, **others):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(trials_module, "train_seed", killed)
        with pytest.raises(Killed):
            recipes.tune(NAME, SPACE, 2, folder, seeds=())
    settings = read_settings(folder)
    study = trials_module.study_of(settings, zoo.entry(NAME))
    (begun,) = trials_module.read_trials(study)
    assert begun.state == "running" and begun.settings
    # While its process lives, nobody else takes it.
    with atomic.locked(trials_module.trial_folder(folder, 0) / ".claim"):
        other = recipes.tune(NAME, SPACE, 2, folder, seeds=())
        assert [trial.state for trial in other.trials] == ["running", "finished"]
    ended = recipes.tune(NAME, SPACE, 2, folder, seeds=())
    assert [trial.state for trial in ended.trials] == ["finished", "finished"]
    assert ended.trials[0].settings == begun.settings
    assert not [file for file in files(folder) if file.endswith((".claim", ".lock"))]


def test_a_trial_of_another_machine_is_left_alone(path, tmp_path):
    storage = tmp_path / "shared.log"
    first = recipes.tune(NAME, SPACE, 1, tmp_path / "a", storage=storage, seeds=())
    study = trials_module.study_of(read_settings(tmp_path / "a"), zoo.entry(NAME))
    elsewhere = study.ask()
    elsewhere.set_user_attr("search", "of another folder")
    both = recipes.tune(NAME, SPACE, 4, tmp_path / "b", storage=storage, seeds=())
    assert [trial.state for trial in both.trials] == ["finished", "running"] + ["finished"] * 2
    assert both.trials[0] == first.trials[0]


def test_a_worker_that_is_killed_leaves_whole_trials(path, tmp_path):
    # A process of its own, killed wherever it is.
    folder = tmp_path / "search"
    script = (
        "import tiny_zoo, pathlib, pytest\n"
        "from kerasfuse import recipes\n"
        f"tiny_zoo.use(pytest.MonkeyPatch(), pathlib.Path({str(tmp_path / 'zoo2')!r}))\n"
        f"recipes.tune({NAME!r}, {SPACE!r}, 50, {str(folder)!r}, seeds=())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("trial_0001/seed_0/*")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    began = len(list(folder.glob("trial_*")))
    ended = recipes.tune(NAME, SPACE, began + 1, folder, seeds=())
    assert len(ended.trials) == began + 1
    assert {trial.state for trial in ended.trials} <= {"finished", "pruned"}


# What is refused before anything is trained.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": {}}, "a space with an argument to search over"),
        ({"space": {"rnak": {"low": 1, "high": 2}}}, "rnak=1. Nearest: rank"),
        ({"space": {"rank": {"choices": ["a", "b"]}}}, "model.rank of LMF to be a whole number"),
        ({"space": {"epochs": {"low": 0, "high": 2}}}, "epochs=0"),
        ({"trials": 0}, "trials=0"),
        ({"jobs": 0}, "jobs=0"),
        ({"sampler": "tep"}, "sampler='tep'. Nearest: tpe"),
        ({"pruner": "meian"}, "pruner='meian'. Nearest: median"),
        ({"seeds": [0, 1]}, "expected fresh seeds"),
        ({"name": "tiny"}, "name='tiny'"),
        ({"name": "./tiny"}, "expected the name of a zoo entry"),
    ],
)
def test_bad_input_is_told_before_anything_is_made(path, tmp_path, arguments, message):
    arguments = {"name": NAME, "space": SPACE, "trials": 1, "run_dir": tmp_path / "s", **arguments}
    with pytest.raises(ValueError, match=message):
        recipes.tune(**arguments)
    assert not (tmp_path / "s").exists()


def test_settings_that_do_not_go_together_fail_alone(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ATTENTIVE)
    space = {"num_heads": {"choices": [2, 3]}}
    ended = recipes.tune(NAME, space, 4, tmp_path / "s", seeds=(), overrides={"epochs": 1})
    for trial in ended.trials:
        fits = trial.settings["num_heads"] == 2
        assert trial.state == ("finished" if fits else "failed")
        assert fits or "num_heads=3" in trial.error
    assert {trial.state for trial in ended.trials} == {"finished", "failed"}
    with pytest.raises(ValueError, match="expected a trial that trains. Received: 2 that do not"):
        recipes.tune(NAME, {"num_heads": {"choices": [3]}}, 2, tmp_path / "none", seeds=())


def test_a_lock_is_released_in_one_step(tmp_path, monkeypatch):
    """Between two a process may be killed, and what it renamed stays for ever."""
    study = open_study(tmp_path / "journal.log", "a", "val_loss")
    monkeypatch.setattr(os, "rename", lambda *args: pytest.fail("renamed"))
    study.ask()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.log"]
    lock = study._storage._backend._lock
    with pytest.raises(RuntimeError, match="expected a lock to release"):
        lock.release()


@pytest.mark.parametrize("content", ["no json\n{}\n", '{"op_code": 99}\n{"a": 1}\n'])
def test_a_damaged_journal_is_told(path, tmp_path, content):
    (tmp_path / "journal.log").write_text(content)
    with pytest.raises(ValueError, match="expected the journal of a search.*journal.log"):
        recipes.tune(NAME, SPACE, 1, tmp_path / "s", storage=tmp_path / "journal.log", seeds=())


def test_a_line_that_a_kill_cut_is_dropped(path, tmp_path):
    before = recipes.tune(NAME, SPACE, 1, tmp_path / "s", seeds=())
    with open(tmp_path / "s" / "journal.log", "a") as file:
        file.write('{"op_code": 4, "work')
    ended = recipes.tune(NAME, SPACE, 2, tmp_path / "s", seeds=())
    assert ended.trials[0] == before.trials[0] and ended.trials[1].state == "finished"


def test_an_address_that_does_not_answer_is_told_without_its_password(path, tmp_path):
    storage = "postgresql://me:secret@127.0.0.1:1/search"
    with pytest.raises(ValueError, match="expected the journal of a search") as error:
        recipes.tune(NAME, SPACE, 1, tmp_path / "s", storage=storage, seeds=())
    assert "secret" not in str(error.value) and "127.0.0.1:1/search" in str(error.value)


def test_neither_folder_nor_storage_is_left_where_the_other_is_refused(path, tmp_path):
    before = {found.name for found in tmp_path.iterdir()}
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="expected a place that can be written to"):
        place = tmp_path / "file" / "s"
        recipes.tune(NAME, SPACE, 1, place, storage=tmp_path / "journal.log", seeds=())
    (tmp_path / "damaged.log").write_text("no json\n{}\n")
    with pytest.raises(ValueError, match="expected the journal of a search"):
        recipes.tune(NAME, SPACE, 1, tmp_path / "s", storage=tmp_path / "damaged.log", seeds=())
    assert {found.name for found in tmp_path.iterdir()} == before | {"file", "damaged.log"}


# On the command line and on the page.


def test_the_command_shows_what_was_found(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text("[model]\nrank = { low = 1, high = 2 }\n")
    arguments = ["tune", NAME, "--space", "space.toml", "--trials", "2", "--set", "epochs=1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "model.rank" in result.output and "Test split, fresh seeds 1, 2" in result.output
    assert "kerasfuse report runs/tune-tiny_simulated" in result.output.replace("\n", "")
    (tmp_path / "space.toml").write_text("rank = {")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and "expected a space in toml" in result.stderr
    read = recipes.read_search("runs/tune-tiny_simulated")
    page = report(["runs/tune-tiny_simulated"], "page.html").read_text()
    assert "Search for settings" in page and f"{len(read.trials)} trials" in page
    with pytest.raises(FileNotFoundError, match="holds no search.json"):
        recipes.read_search(tmp_path)


def test_compare_gives_every_model_the_same_budget(path, tmp_path):
    other = path.with_name("other_simulated.toml")
    other.write_text(tiny_zoo.ENTRY.replace(NAME, "other_simulated").replace("dim = 4", "dim = 3"))
    compared = recipes.compare(
        [NAME, "other_simulated"],
        tmp_path / "runs",
        overrides={"epochs": 1},
        tuned=2,
        space={"rank": {"low": 1, "high": 4}},
        verbose=0,
    )
    assert [row.trials for row in compared.rows] == [2, 2]
    assert "chosen on validation by 2 trials of one seed" in compared.caption()
    for row in compared.rows:
        search = recipes.read_search(tmp_path / "runs" / f"tune-{row.name}")
        assert row.parameters == search.tuned.first["parameters"]
        assert list(row.per_seed) == [1, 2]
