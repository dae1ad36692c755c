"""Cross-validation: one seed, trained on each fold, as one result."""

import json
import shutil

import numpy as np

from kerasfuse import atomic


def join(entry, folder):
    """Write `results.json` of one seed from those of its folds, and keep the entry's weights.

    Scores are means over folds. The weights, and by whose `monitor` seeds are compared, are those
    of the fold that the entry's data name.
    """
    found = {fold: _read(fold_folder(folder, fold)) for fold in entry.recipe.folds}
    kept = entry.data_args["fold"]
    joined = {**found[kept], "folds": {str(fold): results for fold, results in found.items()}}
    for split in [split for split in ("validation", "test") if split in joined]:
        joined[split] = _mean([results[split] for results in found.values()])
        joined["baseline"] = {
            **joined["baseline"],
            split: _mean([results["baseline"][split] for results in found.values()]),
        }
    joined["seconds"] = round(sum(results["seconds"] for results in found.values()), 1)
    with atomic.replacing(folder / "best.weights.h5") as temporary:
        shutil.copyfile(fold_folder(folder, kept) / "best.weights.h5", temporary)
    # Last: where it is, the seed is finished.
    with atomic.replacing(folder / "results.json") as temporary:
        temporary.write_text(json.dumps(joined, indent=1) + "\n", encoding="utf-8")


def fold_folder(folder, fold):
    """Return the folder of one fold of a seed."""
    return folder / f"fold_{fold}"


def _read(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def _mean(scores):
    return {metric: float(np.mean([each[metric] for each in scores])) for metric in scores[0]}
