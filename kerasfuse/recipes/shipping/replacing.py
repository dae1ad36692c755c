"""The weights that an entry ships: stored small, scored as they are stored."""

import contextlib
import os
import platform

from kerasfuse import atomic, zoo
from kerasfuse.checksum import sha256
from kerasfuse.recipes.costs.speed import inference_speed
from kerasfuse.recipes.scoring import load_split, score_all
from kerasfuse.recipes.seeds import mean_and_sd
from kerasfuse.recipes.shipping.absent import rows_of
from kerasfuse.recipes.shipping.attention import attention_use
from kerasfuse.training.storage import store, stored_dtype


@contextlib.contextmanager
def replaced(entry, path, seed, results, data_dir=None, absent=()):
    """Put a file of weights in place of an entry's when the block ends without an error.

    The block writes the entry, so that both change or neither. `results` is completed: `shipped`
    holds the scores of the stored file, `speed` how fast it predicts, and the seed that made it
    has the scores of the file among those of the seeds, `absent` the scores where modalities are,
    and `attention` how it attends across modalities. With folds a seed's scores are means over
    folds and remain.

    Args:
        entry: an `Entry`.
        path: a `.weights.h5` file.
        seed: the run that it comes from.
        results: what is recorded beside it.
        data_dir: folder of the real data.
        absent: modalities that are left out in turn, see `evaluate_without`.

    Yields:
        dict of `file`, `sha256`, `seed` and `size`, for the entry.
    """
    file = f"{entry.name}.weights.h5"
    with atomic.replacing(zoo.place(entry.name).parent / file) as temporary:
        store(path, temporary, stored_dtype(path))
        model = zoo.load(entry.name, temporary)
        splits = {s: load_split(entry, s, data_dir, shuffle=False) for s in ("validation", "test")}
        results["shipped"] = {
            split: {metric: round(x, 6) for metric, x in scores.items()}
            for split, scores in score_all(model, entry, splits).items()
        }
        results["speed"] = {
            **results.get("speed", {}),
            "samples_per_second": round(inference_speed(model, splits["test"])),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        }
        results.pop("absent", None)
        if rows := rows_of(model, entry, splits["test"], absent):
            results["absent"] = rows
        results.pop("attention", None)
        if attention := attention_use(model, entry, splits["test"]):
            results["attention"] = attention
        if not entry.recipe.folds:
            _take_over(results, seed)
        size = temporary.stat().st_size
        yield {"file": file, "sha256": sha256(temporary), "seed": seed, "size": size}


def _take_over(results, seed):
    place = results["seeds"].index(seed)
    for split, scores in results["shipped"].items():
        for metric, value in scores.items():
            if metric not in results[split]:  # measured since the seeds were recorded
                continue
            numbers = results[split][metric]
            numbers["per_seed"][place] = value
            numbers |= {key: round(x, 6) for key, x in mean_and_sd(numbers["per_seed"]).items()}
