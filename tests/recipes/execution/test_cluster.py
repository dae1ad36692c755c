"""Trainings as jobs: submitit's local executor runs them here, as Slurm would elsewhere."""

import pytest
import tiny_zoo
from run_folders import assert_same_run
from typer.testing import CliRunner

from kerasfuse import recipes
from kerasfuse.cli.commands import app
from kerasfuse.recipes import Executor
from kerasfuse.recipes.execution import cluster
from kerasfuse.recipes.execution.processes import training_tasks

NAME = tiny_zoo.NAME
LOCAL = Executor("local", {"minutes": 5})


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


@pytest.fixture
def submitit():
    return pytest.importorskip("submitit", reason="submitit is not installed: no jobs")


@pytest.mark.usefixtures("submitit")
def test_jobs_train_what_one_process_trains(path, tmp_path):
    told = []
    once = recipes.train(NAME, tmp_path / "once", verbose=0)
    jobs = recipes.train(NAME, tmp_path / "jobs", jobs=2, executor=LOCAL, report=told.append)
    for seed in (1, 2):
        (jobs.folder / f"seed_{seed}" / "log.txt").unlink()
        assert_same_run(jobs, once, seed)
    assert [line.partition(":")[0] for line in told[:2]] == ["seed 1", "seed 2"]
    # Whichever ends first is told first.
    assert sorted(told[2:]) == ["seed 1: finished", "seed 2: finished"]


@pytest.mark.usefixtures("submitit")
def test_a_job_that_fails_leaves_the_others_alone_and_says_why(path, tmp_path):
    run = tmp_path / "run"
    recipes.train(NAME, run, seeds=[1], verbose=0)
    tasks = training_tasks(run, [1]) | {
        "seed x": ([str(run), "x"], run / "seed_x" / "log.txt"),
        "seed 2": training_tasks(run, [2])["seed 2"],
    }
    with pytest.raises(ValueError, match=r"1 of 3 that failed: seed x \(ValueError: invalid lit"):
        cluster.run_jobs(LOCAL, tasks, 2, tmp_path / "jobs")
    states = {each.seed: each.state for each in recipes.states(run)}
    assert states == {1: "finished", 2: "finished"}


@pytest.mark.usefixtures("submitit")
def test_what_a_cluster_takes_off_a_machine_goes_back_into_the_queue(submitit):
    work = cluster.Work(["run", "1"], "log.txt", {})
    again = work.checkpoint()
    assert isinstance(again, submitit.helpers.DelayedSubmission)
    assert again.function == work


def test_options_become_those_of_submitit(monkeypatch):
    given = {}

    class Queue:
        def __init__(self, folder, cluster):
            given["cluster"] = cluster

        def update_parameters(self, **options):
            given.update(options)

    class Package:
        AutoExecutor = Queue

    monkeypatch.setattr(cluster, "_submitit", lambda: Package)
    options = {"partition": "gpu", "minutes": 90, "memory": "16GB", "gpus": 1, "setup": ["x"]}
    cluster._queue(Executor("slurm", options), "jobs", at_once=4)
    assert given == {
        "cluster": "slurm",
        "name": "kerasfuse",
        "slurm_partition": "gpu",
        "timeout_min": 90,
        "slurm_mem": "16GB",
        "gpus_per_node": 1,
        "slurm_setup": ["x"],
        "slurm_array_parallelism": 4,
    }


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("slrum", {}, "Nearest: slurm"),
        ("slurm", {"partitions": "gpu"}, "Nearest: partition"),
        ("slurm", {"minutes": "90"}, "expected minutes to be a whole number"),
        ("slurm", {"gpus": -1}, "expected gpus to be a whole number"),
        ("slurm", {"setup": "module load x"}, "expected setup to be a list of shell lines"),
        ("slurm", {"partition": ""}, "expected partition to be a word"),
        ("local", {"partition": "gpu"}, "expected partition with the executor slurm alone"),
    ],
)
def test_what_no_executor_is_is_refused(kind, options, said):
    with pytest.raises(ValueError, match=said):
        Executor(kind, options)


def test_a_command_without_slurm_says_so_and_trains_nothing(path, tmp_path, monkeypatch, submitit):
    monkeypatch.setenv("PATH", str(tmp_path))
    run = tmp_path / "run"
    shown = CliRunner().invoke(app, ["train", NAME, "--run-dir", str(run), "--executor", "slurm"])
    assert shown.exit_code == 2 and "without it" in " ".join(shown.output.split())
    assert not run.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("partition = ", "expected a toml file"),
        ("x = 1", "expected option of an executor"),
    ],
)
def test_a_file_of_options_is_checked(tmp_path, text, said):
    file = tmp_path / "cluster.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        cluster.read_executor("slurm", file)
    with pytest.raises(ValueError, match="expected an executor beside its options"):
        cluster.read_executor(None, file)
