"""What became of the trainings below a folder: finished, running, stopped or failed, and why."""

import contextlib
import dataclasses
import os
import pathlib

from kerasfuse import atomic
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.run_folder import (
    LOCK,
    RUN_FILE,
    is_finished,
    read_history,
    read_recipe,
    read_results,
    seed_folder,
)
from kerasfuse.tables import markdown, text

# Holds why a training ended with an error; gone once it goes on.
_FAILURE = "failure.txt"
_COLUMNS = ("run", "seed", "state", "epochs", "monitor", "best")


@dataclasses.dataclass(frozen=True)
class Training:
    """Say what became of one seed of a run.

    Args:
        run: path of the run folder, from the folder that was looked through.
        seed: the seed.
        state: `"finished"`, `"running"`, `"failed"`, `"stopped"` (it began and nobody trains it)
            or `"waiting"`.
        epochs: how many it trained.
        monitor: the validation quantity that chooses its weights.
        best: the best value of `monitor`; `None` before the first epoch.
        error: why it failed.
    """

    run: str
    seed: int
    state: str
    epochs: int
    monitor: str
    best: float | None
    error: str = ""


class Trainings(list[Training]):
    """A list of `Training` that prints as a table."""

    columns = _COLUMNS

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as a list of tuples of text, one a column."""
        return [
            (
                each.run,
                str(each.seed),
                each.state,
                str(each.epochs),
                each.monitor,
                "-" if each.best is None else f"{each.best:.4g}",
            )
            for each in self
        ]

    def __repr__(self) -> str:
        return text(self.columns, self.rows())

    def _repr_markdown_(self) -> str:
        return markdown(self.columns, self.rows())


def states(folder: str | os.PathLike[str]) -> Trainings:
    """List the trainings of all runs in a folder and below it.

    A seed of the recipe that has no folder yet counts as waiting. Nothing is changed, and the
    trainings may go on meanwhile, on this machine or, where locks reach that far, on another one.

    Args:
        folder: a run folder, the folder of a search or of a comparison, or one that holds such.

    Returns:
        A list of `Training`, by run and seed.

    Raises:
        FileNotFoundError: when there is no run.
        ValueError: for a run whose files are damaged.

    Example:

    >>> from kerasfuse import recipes
    >>> recipes.states("runs")
    """
    folder = pathlib.Path(folder)
    runs = sorted(path.parent for path in folder.rglob(RUN_FILE)) if folder.is_dir() else []
    if not runs:
        raise FileNotFoundError(
            "expected a folder with runs in it. Received: "
            f"{str(folder)!r}, where none is. `kerasfuse train NAME --run-dir FOLDER` makes one."
        )
    return Trainings(
        training
        for run in runs
        for training in _of_run(run, os.path.relpath(run, folder) if run != folder else ".")
    )


def _of_run(run, name):
    recipe = read_recipe(run).recipe
    begun = {path.name.removeprefix("seed_") for path in run.glob("seed_*") if path.is_dir()}
    # A trial of a search has a seed of its own, not the recipe's.
    seeds = {int(seed) for seed in begun if seed.isdigit()}
    if not _is_trial(run):
        seeds |= set(recipe.seeds)
    for seed in sorted(seeds):
        yield _of_seed(run, name, seed, recipe)


def _is_trial(run):
    return run.name.startswith("trial_")


def _of_seed(run, name, seed, recipe):
    folder, monitor = seed_folder(run, seed), recipe.monitor
    if is_finished(run, seed):
        found = read_results(run, seed)
        return Training(name, seed, "finished", found["epochs"], monitor, found["monitor"])
    places = [folder, *sorted(folder.glob("fold_*"))]
    rows = [row for place in places for row in read_history(place)]
    best = min if lower_is_better(monitor) else max
    values = [row[monitor] for row in rows if monitor in row]
    error = "; ".join(filter(None, map(_failure, places)))
    if any(atomic.is_held(place / LOCK) for place in places):
        state = "running"
    elif error:
        state = "failed"
    else:
        state = "stopped" if folder.is_dir() else "waiting"
    return Training(name, seed, state, len(rows), monitor, best(values) if values else None, error)


def _failure(folder):
    try:
        return (folder / _FAILURE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def failures_kept(folder, stops=()):
    """Keep why the training in the block fails, for `states`.

    Args:
        folder: of the seed, or of one of its folds.
        stops: class, or tuple of classes, of what ends a training and is no failure.
    """
    (folder / _FAILURE).unlink(missing_ok=True)
    try:
        yield
    except stops:
        raise
    except Exception as error:
        with contextlib.suppress(OSError), atomic.replacing(folder / _FAILURE) as temporary:
            temporary.write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
        raise
