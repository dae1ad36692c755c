"""Trainings as jobs that submitit runs: on this machine, or by Slurm on a cluster."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import time
import tomllib
from typing import Any

from kerasfuse import backend
from kerasfuse.nearest_names import choose
from kerasfuse.optional_packages import require
from kerasfuse.recipes.execution.processes import last_line
from kerasfuse.shown import shown

KINDS = ("local", "slurm")
# Names of our table, and what submitit calls them; `None` where only Slurm has such a thing.
_OPTIONS = {
    "partition": "slurm_partition",
    "account": "slurm_account",
    "qos": "slurm_qos",
    "memory": "slurm_mem",
    "setup": "slurm_setup",
    "minutes": "timeout_min",
    "cpus": "cpus_per_task",
    "gpus": "gpus_per_node",
}
_WHOLE = ("minutes", "cpus", "gpus")
_PATIENCE = 1.0


@dataclasses.dataclass(frozen=True)
class Executor:
    """Say who runs trainings: jobs of this machine, or of a cluster.

    Args:
        kind: `"local"` or `"slurm"`.
        options: dict of what each job asks for: `partition`, `account`, `qos`, `memory` (such as
            `"16GB"`) and `setup` (list of shell lines that come first), of Slurm alone; `minutes`
            after which it is stopped, `cpus` and `gpus`.

    Raises:
        ValueError: for another kind, and options that there are not.

    Example:

    >>> from kerasfuse import recipes
    >>> recipes.Executor("slurm", {"partition": "gpu", "minutes": 240, "gpus": 1}).kind
    'slurm'
    """

    kind: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        choose("executor", self.kind, KINDS)
        for name, value in self.options.items():
            choose("option of an executor", name, list(_OPTIONS))
            if name == "setup":
                fits = isinstance(value, list) and all(isinstance(line, str) for line in value)
                wanted = "a list of shell lines"
            elif name in _WHOLE:
                fits, wanted = type(value) is int and value >= (name != "gpus"), "a whole number"
            else:
                fits, wanted = isinstance(value, str) and bool(value), "a word"
            if not fits:
                raise ValueError(f"expected {name} to be {wanted}. Received: {shown(value)}.")
            if self.kind == "local" and _OPTIONS[name].startswith("slurm_"):
                raise ValueError(
                    f"expected {name} with the executor slurm alone. Received: executor='local'."
                )

    def check(self) -> None:
        """Raise unless jobs can be submitted from here.

        Raises:
            ImportError: when submitit is missing.
            FileNotFoundError: when Slurm is.
        """
        _submitit()
        if self.kind == "slurm" and shutil.which("sbatch") is None:
            raise FileNotFoundError(
                "expected Slurm, whose command sbatch submits jobs. Received: a machine without "
                "it. Submit from a login node of the cluster, or use the executor local."
            )


def read_executor(kind: str | None, path: str | os.PathLike[str] | None = None) -> Executor | None:
    """Return the executor that a command line names, with the options of a toml file.

    Args:
        kind: as in `Executor`; `None` for the processes of this command.
        path: the file, `None` for no options.

    Raises:
        ValueError: for options without a kind, a file that is no toml, and as `Executor`.
        FileNotFoundError: when there is no such file.
    """
    if kind is None:
        if path is not None:
            raise ValueError(
                f"expected an executor beside its options. Received: {str(path)!r} alone. Say "
                "--executor slurm."
            )
        return None
    if path is None:
        return Executor(kind)
    try:
        options = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"expected a toml file of options. Received: {str(path)!r}, which does not exist."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"expected a toml file of options. Received: {str(path)!r} ({error})."
        ) from error
    return Executor(kind, options)


@dataclasses.dataclass(frozen=True)
class Work:
    """Be what a job runs: `python -m kerasfuse.recipes` with arguments, and its output in a file.

    When the job is preempted, or its time is over, it is put in the queue again, and goes on after
    its last whole epoch.

    Args:
        arguments: list of text.
        log: path of the file.
        environment: dict of what it needs beside the job's own.
    """

    arguments: list[str]
    log: str
    environment: dict[str, str]

    def __call__(self):
        pathlib.Path(self.log).parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as file:
            done = subprocess.run(
                [sys.executable, "-m", "kerasfuse.recipes", *self.arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(last_line(self.log))

    def checkpoint(self):
        """Return what is put in the queue when the job is taken off its machine."""
        return _submitit().helpers.DelayedSubmission(self)


def run_jobs(executor, tasks, at_once, place, report=None, watch=None):
    """Run tasks as jobs, and wait for them.

    A job that fails leaves the others alone: what they do is wanted, and a cluster's queue is long.

    Args:
        executor: an `Executor`.
        tasks: as `run_processes` takes them.
        at_once: how many jobs run at the same time.
        place: folder for what submitit writes.
        report: called with one line of text when a job starts or ends.
        watch: called about once a second.

    Raises:
        ImportError, FileNotFoundError: as `Executor.check`.
        ValueError: when tasks have failed, with the end of what each printed.
    """
    executor.check()
    report = report or (lambda line: None)
    works = {
        label: Work(arguments, str(pathlib.Path(log).absolute()), backend.child_environment())
        for label, (arguments, log) in tasks.items()
    }
    waiting, running, failed = dict(works), {}, []
    queue = _queue(executor, place, at_once)
    # Slurm holds an array back by itself; on this machine submitit would start all of it.
    room = len(works) if executor.kind == "slurm" else at_once
    try:
        while waiting or running:
            labels = list(waiting)[: room - len(running)]
            if labels:
                with queue.batch():
                    jobs = [queue.submit(waiting.pop(label)) for label in labels]
                running |= dict(zip(labels, jobs, strict=True))
                for label, job in zip(labels, jobs, strict=True):
                    report(f"{label}: job {job.job_id}, output in {works[label].log}")
            for label, job in list(running.items()):
                if not job.done():
                    continue
                del running[label]
                if error := job.exception():
                    failed.append(f"{label} ({_reason(error, works[label].log)})")
                    report(f"{label}: failed")
                else:
                    report(f"{label}: finished")
            if watch:
                watch()
            time.sleep(_PATIENCE)
    finally:
        for job in running.values():
            job.cancel()
    if failed:
        raise ValueError(
            f"expected all jobs to train. Received: {len(failed)} of {len(works)} that failed: "
            f"{'; '.join(failed)}. The same command trains them again."
        )


def _queue(executor, place, at_once):
    options = {_OPTIONS[name]: value for name, value in executor.options.items()}
    if executor.kind == "slurm":
        options |= {"slurm_array_parallelism": at_once}
    queue = _submitit().AutoExecutor(folder=pathlib.Path(place), cluster=executor.kind)
    queue.update_parameters(name="kerasfuse", **options)
    return queue


def _reason(error, log):
    """Say why a job failed: what it printed last or, of one that was ended, what submitit knows."""
    if isinstance(error, _submitit().core.utils.FailedJobError):
        said = last_line(log)
    else:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{said}; {log} holds all of its output"


def _submitit():
    require("submitit.helpers", "jobs of a cluster", "cluster")
    return require("submitit", "jobs of a cluster", "cluster")
