"""The study of Optuna behind a search: its storage, its sampler and its pruner."""

import os
import pathlib
import warnings

import numpy as np

from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.nearest_names import choose
from kerasfuse.optional_packages import require

SAMPLERS = ("tpe", "random", "gp", "qmc")
PRUNERS = ("median", "halving", "hyperband", "none")
# What Optuna adds to the path of a journal.
_LOCK = ".lock"
# Trials that run to their end before any is compared with them.
_UNPRUNED = 5


def optuna():
    """Return Optuna, told to keep its announcements to itself."""
    package = require("optuna", "`tune`", "tune")
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def check_names(sampler, pruner):
    """Raise a ValueError for a sampler or a pruner that is not there."""
    choose("sampler", sampler, SAMPLERS)
    choose("pruner", pruner, PRUNERS)


def open_study(storage, name, monitor, pruner="none", epochs=1):
    """Open a study, or begin it.

    Args:
        storage: path of a journal file, which several machines may share, or the URL of a
            database.
        name: of the study.
        monitor: what is searched for: its conventions say whether low is good.
        pruner: one of `PRUNERS`.
        epochs: of a training, at most.

    Raises:
        ValueError: for a storage that is damaged, or does not answer.
    """
    package = optuna()
    try:
        return package.create_study(
            storage=_storage(package, storage),
            study_name=name,
            direction="minimize" if lower_is_better(monitor) else "maximize",
            pruner=_pruner(package, pruner, epochs),
            load_if_exists=True,
        )
    # Whatever a driver, or a line that is no json, raises.
    except Exception as error:
        cause = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise ValueError(
            "expected the journal of a search, or the URL of a database that answers. "
            f"Received: storage={_shown(storage)!r} ({cause}). "
            "Name another one; a search begins anew there."
        ) from error


def seed_sampler(study, name, seed, trial, place=0):
    """Give a study its sampler for one trial, and for the argument at one place in its space.

    What it draws next depends on the trials before and on these numbers.
    """
    samplers = optuna().samplers
    seed = int(np.random.SeedSequence([seed, trial, place]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what Optuna calls experimental
        study.sampler = {
            # Trials that run now count as bad ones, so that two workers do not try the same.
            "tpe": lambda: samplers.TPESampler(seed=seed, constant_liar=True),
            "random": lambda: samplers.RandomSampler(seed=seed),
            "gp": lambda: samplers.GPSampler(seed=seed),
            "qmc": lambda: samplers.QMCSampler(seed=seed),
        }[name]()


def _storage(package, storage):
    if "://" in str(storage):
        return package.storages.RDBStorage(str(storage))
    path = pathlib.Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _cut_half_line(path)
    journal = package.storages.journal
    lock = _lock_class(journal)(os.fspath(path))
    return package.storages.JournalStorage(journal.JournalFileBackend(os.fspath(path), lock))


def _lock_class(journal):
    class Lock(journal.JournalFileSymlinkLock):
        """Optuna's, which is released in one step: between two of them, a process that is killed
        leaves a file that nobody removes."""

        def __init__(self, path):
            super().__init__(path)
            self.path = path + _LOCK

        def release(self):
            try:
                os.unlink(self.path)
            except OSError as error:
                raise RuntimeError("expected a lock to release. Received: none.") from error

    return Lock


def _cut_half_line(path):
    """Remove what a process that was killed while it wrote left: a line without an end."""
    with open(path, "rb+") as file:
        content = file.read()
        if content and not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def _pruner(package, name, epochs):
    pruners = package.pruners
    return {
        "median": lambda: pruners.MedianPruner(_UNPRUNED, n_warmup_steps=max(1, epochs // 10)),
        "halving": lambda: pruners.SuccessiveHalvingPruner(min_resource=max(1, epochs // 16)),
        "hyperband": lambda: pruners.HyperbandPruner(max(1, epochs // 16), epochs),
        "none": pruners.NopPruner,
    }[name]()


def _shown(storage):
    """A URL without its password."""
    text = str(storage)
    head, at, tail = text.rpartition("@")
    if not at or "://" not in head:
        return text
    return f"{head.partition('://')[0]}://...@{tail}"
