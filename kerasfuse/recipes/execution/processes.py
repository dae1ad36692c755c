"""Several trainings at the same time, each in a process of its own."""

import os
import pathlib
import subprocess
import sys
import time

from kerasfuse import backend
from kerasfuse.recipes.run_folder import seed_folder


def training_tasks(folder, seeds, folds=()):
    """Return the tasks that train seeds of a run folder, which is all that a process needs to know.

    Args:
        folder: the run folder.
        seeds: list of whole numbers.
        folds: list of folds, each of which is a task of its own.

    Returns:
        Dict of label to arguments and log, as `run_processes` takes it.
    """
    folder = pathlib.Path(folder).absolute()
    tasks = {}
    for seed in seeds:
        place = seed_folder(folder, seed)
        for fold in folds:
            tasks[f"seed {seed}, fold {fold}"] = (
                [str(folder), str(seed), str(fold)],
                place / f"log_{fold}.txt",
            )
        if not folds:
            tasks[f"seed {seed}"] = ([str(folder), str(seed)], place / "log.txt")
    return tasks


def run_processes(tasks, jobs, report=None, watch=None):
    """Run `python -m kerasfuse.recipes` with the arguments of each task, some at a time.

    When one fails the others are stopped; what they did is on disk, and a later call goes on.

    Args:
        tasks: dict of label to a list of arguments and the path of a file for what it prints.
        jobs: how many run at the same time.
        report: called with one line of text when a task starts or ends.
        watch: called every second.

    Raises:
        ValueError: when a task fails, with the end of what it printed.
    """
    report = report or (lambda line: None)
    waiting, running, watched = list(tasks), {}, time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                label = waiting.pop(0)
                running[label] = _start(*tasks[label])
                report(f"{label}: starts, output in {tasks[label][1]}")
            for label, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[label]
                if process.returncode:
                    raise _failed(label, tasks[label][1])
                report(f"{label}: finished")
            if watch and time.monotonic() - watched > 1:
                watch()
                watched = time.monotonic()
            time.sleep(0.1)
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


def last_line(log):
    """Return the last line that a process printed into a file."""
    lines = pathlib.Path(log).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (lines or ["no output"])[-1]


def _failed(label, log):
    return ValueError(
        f"expected {label} to train. Received: {last_line(log)} ({log} holds all of its output)"
    )


def _start(arguments, log):
    log.parent.mkdir(exist_ok=True)
    with open(log, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "kerasfuse.recipes", *arguments],
            env={**os.environ, **backend.child_environment()},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
