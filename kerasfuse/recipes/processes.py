"""Several seeds at the same time, each in a process of its own."""

import os
import subprocess
import sys
import time

from kerasfuse import backend
from kerasfuse.recipes.run_folder import seed_folder


def train_in_processes(folder, seeds, jobs, report):
    """Run `python -m kerasfuse.recipes` for each seed, at most `jobs` at a time.

    The run folder is all that a process needs to know. When one fails the others are
    stopped, and a later call goes on with all of them.

    Raises:
        ValueError: when a seed fails, with the end of what it printed.
    """
    waiting, running = list(seeds), {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                seed = waiting.pop(0)
                running[seed] = _start(folder, seed)
                report(f"seed {seed}: starts, output in {_log(folder, seed)}")
            for seed, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[seed]
                if process.returncode:
                    lines = _log(folder, seed).read_text(encoding="utf-8").strip().splitlines()
                    raise ValueError(
                        f"expected seed {seed} to train. Received: {(lines or ['no output'])[-1]} "
                        f"({_log(folder, seed)} holds all of its output)"
                    )
                report(f"seed {seed}: finished")
            time.sleep(0.1)
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


def _log(folder, seed):
    return seed_folder(folder, seed) / "log.txt"


def _start(folder, seed):
    _log(folder, seed).parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "kerasfuse.recipes", str(folder), str(seed)]
    with open(_log(folder, seed), "ab") as log:
        return subprocess.Popen(
            command,
            env={**os.environ, **backend.child_environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
