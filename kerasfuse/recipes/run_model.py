"""A finished run as an entry with weights, which `zoo.load` takes."""

import dataclasses
import pathlib

from kerasfuse import atomic, hub
from kerasfuse.checksum import sha256
from kerasfuse.entries.serialization import to_toml
from kerasfuse.recipes.recording import summary
from kerasfuse.recipes.run_folder import seed_folder
from kerasfuse.training.storage import store, stored_dtype


def write_model(run, folder):
    """Write a run's `entry.toml` and weights into a folder, which may be the run's own.

    The weights are those of the seed that is best on validation, stored as they were scored.

    Args:
        run: a `Run`.
        folder: where to write.

    Returns:
        The `Entry`, with weights and, unless seeds ran on different versions, results.
    """
    file = f"{run.entry.name}.weights.h5"
    best = seed_folder(run.folder, run.best_seed) / "best.weights.h5"
    # First the weights: a folder whose entry names them is whole.
    with atomic.replacing(pathlib.Path(folder, file)) as temporary:
        store(best, temporary, stored_dtype(best))
        digest, size = sha256(temporary), temporary.stat().st_size
    entry = dataclasses.replace(
        run.entry,
        weights=dataclasses.replace(
            run.entry.weights, file=file, sha256=digest, size=size, seed=run.best_seed
        ),
        recipe=dataclasses.replace(run.entry.recipe, seeds=tuple(run.seeds)),
        results=_results(run),
    )
    with atomic.replacing(pathlib.Path(folder, hub.ENTRY_FILE)) as temporary:
        temporary.write_text(to_toml(entry), encoding="utf-8")
    return entry


def _results(run):
    try:
        return summary(run)
    except ValueError:  # seeds of different versions have no mean
        return {}
