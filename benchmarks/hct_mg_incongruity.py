"""Does the incongruity score find the samples in which one modality contradicts the others?

Simulated sequences in half of which one modality, drawn at random, shows all its events with the
opposite sign. MulT and HCT-MG of the same small size train on them, five seeds each; on the test
split `kerasfuse.analysis.incongruity` scores every sample from the model alone, and the area under
the ROC curve tells how well that separates incongruent samples from the others (0.5 by chance).
Beside it stands the table of the samples that both models get most wrong, in the form of Table 3 of
HCT-MG's paper.

    KERAS_BACKEND=jax python benchmarks/hct_mg_incongruity.py     # about a minute a run on one core

Runs that are in the folder are not made again.
"""

import argparse
import json
import os
import pathlib

import measure
import numpy as np
import simulated_runs
from simulated_runs import BATCH, SEEDS, SMALL, WIDTHS

os.environ.setdefault("KERAS_BACKEND", "jax")

MODELS = ("MulT", "HCTMG")
NUM_SAMPLES = {"train": 6400, "test": 320}
FRACTION, EPOCHS, HARDEST = 0.5, 2, 5
COLUMNS = {
    "model": ("", ""),
    "auc": ("ROC AUC of the score", ""),
    "score": ("score, incongruent samples", ""),
    "score_others": ("score, others", ""),
    "mae": ("MAE, incongruent samples", ""),
    "mae_others": ("MAE, others", ""),
    "constant": ("MAE of the constant", ".3f"),
    "seeds": ("seeds", "d"),
}
HARDEST_COLUMNS = {
    "sample": ("sample", ""),
    "shown": ("what each modality tells (the one with the opposite sign starred)", ""),
    "truth": ("ground truth", "+.2f"),
    "MulT": ("MulT", "+.2f"),
    "HCTMG": ("HCT-MG", "+.2f"),
    "score": ("incongruity, HCT-MG", ".2f"),
}


def contradicting():
    """Name the modality that contradicts, for each test sample, or `None`.

    A knob of the simulator changes nothing else, so it is the one that differs without the knob.
    """
    with_it, _ = simulated_runs.arrays("test", NUM_SAMPLES["test"], incongruity=FRACTION)
    without, _ = simulated_runs.arrays("test", NUM_SAMPLES["test"])
    changed = {m: (with_it[m] != without[m]).any(axis=(1, 2)) for m in WIDTHS}
    rows = zip(*changed.values(), strict=True)
    return [next((m for m, c in zip(WIDTHS, row, strict=True) if c), None) for row in rows]


def roc_auc(scores, positive):
    """Return the probability that a positive sample scores above another; ties count one half."""
    above = np.subtract.outer(scores[positive], scores[~positive])
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def build(name):
    """Make a small model."""
    from kerasfuse import models

    return getattr(models, name)(WIDTHS, **SMALL)


def study(restarted, seed):
    """Train once and explain the test split."""
    from kerasfuse import analysis

    model = restarted.restart(seed)
    x, y = simulated_runs.arrays("train", NUM_SAMPLES["train"], incongruity=FRACTION)
    model.fit(x, y, BATCH, EPOCHS, verbose=0)
    x, _ = simulated_runs.arrays("test", NUM_SAMPLES["test"], incongruity=FRACTION)
    found = analysis.incongruity(model, x)
    return {
        "seed": seed,
        "scores": found.scores.tolist(),
        "outputs": found.outputs.tolist(),
        "contributions": {m: v.tolist() for m, v in found.contributions.items()},
    }


def spread(values):
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def rows(runs, flags, truth):
    """Summarise the runs of each model."""
    table = []
    train = simulated_runs.arrays("train", NUM_SAMPLES["train"], incongruity=FRACTION)[1]
    for name, found in runs.items():
        scores = np.array([run["scores"] for run in found])
        errors = np.abs([run["outputs"] for run in found] - truth)
        areas = [roc_auc(row, flags) for row in scores]
        table.append(
            {
                "model": name,
                "auc": spread(areas),
                "auc_per_seed": areas,
                "score": spread(scores[:, flags].mean(axis=1)),
                "score_others": spread(scores[:, ~flags].mean(axis=1)),
                "mae": spread(errors[:, flags].mean(axis=1)),
                "mae_others": spread(errors[:, ~flags].mean(axis=1)),
                "constant": float(np.abs(truth - np.median(train)).mean()),
                "seeds": len(found),
            }
        )
    return table


def hardest(runs, modality, truth):
    """Show the incongruent samples with the largest error over both models and all seeds."""
    outputs = {name: np.array([run["outputs"] for run in found]) for name, found in runs.items()}
    error = np.abs(np.concatenate(list(outputs.values())) - truth).mean(axis=0)
    error[[m is None for m in modality]] = -1.0
    table = []
    for i in np.argsort(-error)[:HARDEST]:
        tells = {m: np.mean([run["contributions"][m][i] for run in runs["HCTMG"]]) for m in WIDTHS}
        table.append(
            {
                "sample": f"test {i}",
                "shown": ", ".join(
                    f"{m}{'*' * (m == modality[i])} {value:+.2f}" for m, value in tells.items()
                ),
                "truth": float(truth[i]),
                **{name: float(values[:, i].mean()) for name, values in outputs.items()},
                "score": float(np.mean([run["scores"][i] for run in runs["HCTMG"]])),
            }
        )
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    folder = pathlib.Path("runs", "hct_mg_incongruity")
    parser.add_argument("--runs", type=pathlib.Path, default=folder)
    arguments = parser.parse_args()

    from rich.console import Console

    console = Console()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    runs = {}
    for name in MODELS:
        path = arguments.runs / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        runs[name] = [json.loads(line) for line in lines]
        missing = [seed for seed in SEEDS if seed not in {run["seed"] for run in runs[name]}]
        restarted = simulated_runs.Restarted(lambda n=name: build(n)) if missing else None
        for seed in missing:
            runs[name].append(study(restarted, seed))
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(runs[name][-1]) + "\n")
            console.print(f"{name}, seed {seed}: done")
    modality = contradicting()
    flags = np.array([m is not None for m in modality])
    truth = simulated_runs.arrays("test", NUM_SAMPLES["test"], incongruity=FRACTION)[1][:, 0]
    environment = measure.environment("cpu", 1)
    for name, table, columns in (
        ("hct_mg_incongruity", rows(runs, flags, truth), COLUMNS),
        ("hct_mg_hardest", hardest(runs, modality, truth), HARDEST_COLUMNS),
    ):
        measure.save(name, table, columns, environment)
        console.print(measure.markdown(table, columns), soft_wrap=True)


if __name__ == "__main__":
    main()
