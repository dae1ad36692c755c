"""A conversion in several processes, which take the pieces that nobody has taken yet.

The process that was called holds the lock, starts helpers and gathers what they wrote. Helpers read
the files anew by the call that made the conversion, write pieces and end. A piece is the same bytes
whoever writes it, and one that a helper leaves undone, damaged files among the reasons, is done by
the first process, which tells of it as if it were alone.
"""

import contextlib
import contextvars
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

from kerasfuse import backend

_CLAIM = ".claimed-"
_jobs = contextvars.ContextVar("jobs", default=None)
_share = contextvars.ContextVar("share", default=None)


@dataclasses.dataclass(frozen=True)
class Jobs:
    """How a conversion is called, and by how many processes it is done.

    Attributes:
        count: number of processes.
        call: `(name, data_dir, config)` of `kerasfuse.datasets.load`.
    """

    count: int
    call: tuple


@dataclasses.dataclass(frozen=True)
class Share:
    """What a helper is told: where the pieces lie, how many samples each has, whose helper it is.

    Attributes:
        stage: folder of the pieces.
        step: samples a piece.
        unreadable: `Source.unreadable`.
        parent: number of the process that started it.
    """

    stage: str
    step: int
    unreadable: str | None
    parent: int

    @property
    def is_wanted(self):
        """Whether the first process still lives."""
        return os.getppid() == self.parent


@contextlib.contextmanager
def shared_by(jobs):
    """Convert what is converted in the block in several processes, see `Jobs`."""
    token = _jobs.set(jobs)
    try:
        yield
    finally:
        _jobs.reset(token)


def shared_in(root):
    """Return the `Share` of this process in the data set of a folder, `None` of no helper."""
    found = _share.get()
    return found if found and pathlib.Path(found.stage).parent == root else None


@contextlib.contextmanager
def helping(share):
    """Make this process a helper for the block, which ends where its share is written."""
    token = _share.set(share)
    try:
        with contextlib.suppress(DoneError):
            yield
    finally:
        _share.reset(token)


class DoneError(Exception):
    """A helper has written its share; it needs nothing of what the call is for."""


@contextlib.contextmanager
def helpers(stage, step, unreadable, missing):
    """Start the other processes of a conversion; at the end of the block none is left.

    Args:
        stage, step, unreadable: see `Share`.
        missing: how many pieces there are to write.

    Yields:
        The processes.
    """
    jobs = _jobs.get()
    count = min(jobs.count, missing) - 1 if jobs else 0
    stage.mkdir(parents=True, exist_ok=True)
    _forget_claims(stage)
    processes = []
    try:
        for _ in range(count):
            share = Share(str(stage), step, unreadable, os.getpid())
            processes.append(_start({"share": dataclasses.asdict(share), "call": jobs.call}))
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
        _forget_claims(stage)


def claim(path):
    """Return whether a piece is this process's to write: nobody else has taken it."""
    try:
        os.close(os.open(path.with_name(_CLAIM + path.stem), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _forget_claims(stage):
    for left in stage.glob(f"{_CLAIM}*"):
        left.unlink(missing_ok=True)


def _start(told):
    process = subprocess.Popen(
        [sys.executable, "-m", "kerasfuse.datasets.conversion.helping"],
        env={**os.environ, **backend.child_environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # What it fails at, the first process does and tells.
        stderr=subprocess.DEVNULL,
    )
    # A helper that is gone already is waited for like any other.
    with contextlib.suppress(BrokenPipeError), process.stdin as opened:
        opened.write(json.dumps(told, default=_plain).encode())
    return process


def _plain(value):
    return os.fspath(value) if hasattr(value, "__fspath__") else value.tolist()
