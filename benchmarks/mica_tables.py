"""The tables of MICA's paper and supplement, by the recipe of `mica_simulated`.

Every row is a run of that entry with a few settings changed, and is recorded in the entry:
Table 5 (what each loss adds), A1 (epochs and layers made equal), A2 (both losses on plain MulT)
with a paired test over seeds, and Figure 3 (alpha, beta and tau), which is drawn as well. Table 6
(A-distance, correlation accuracy) comes from the weights that the runs left.

    python benchmarks/mica_tables.py                    # about a minute a seed and row on one core
    python benchmarks/mica_tables.py --jobs 2 --only "Table 5" "Table 6"

A run folder that is there goes on where it stopped.
"""

import argparse
import os
import pathlib

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

ENTRY = "mica_simulated"
BACKBONE = {"alpha": 0.0, "beta": 0.0}
PLAIN = {"class": "MulT", **BACKBONE}

# Table -> row -> settings, and the row or result that a paired test compares it with.
TABLES = {
    "Table 5": {
        "backbone": (BACKBONE, "recorded"),
        "+ MMD": ({"beta": 0.0}, "backbone"),
        "full, without propagation": ({"propagate": False}, "recorded"),
    },
    "Table A2": {
        "MulT": (PLAIN, None),
        "MulT + MMD": ({**PLAIN, "alpha": 0.8}, "MulT"),
        "MulT + MMD + element alignment": ({"class": "MulT"}, "MulT"),
    },
    "Table A1": {
        "MulT": (PLAIN, "recorded"),
        "MulT, twice the epochs": ({**PLAIN, "epochs": 2}, "MulT"),
        "MulT, a layer more": ({**PLAIN, "num_layers": 1}, "MulT"),
        "MICA, a layer more": ({"num_layers": 1}, "recorded"),
    },
}
# Thirty-nine runs, of half the epochs.
FIGURE_3_EPOCHS = 5
FIGURE_3 = {
    "alpha": [0.0, 0.4, 0.8, 1.2, 1.6],
    "beta": [0.0, 0.25, 0.5, 0.75, 1.0],
    "tau": [0.1, 0.2, 0.3, 0.4, 0.5],
}

TABLE_6 = {
    "MulT": PLAIN,
    "MICA, backbone": BACKBONE,
    "MICA, + MMD": {"beta": 0.0},
    "MICA": {},
    "MICA, without propagation": {"propagate": False},
}
COLUMNS = {
    "model": ("", ""),
    "a_distance": ("A-distance", ""),
    "a_distance_p": ("p against the backbone", ".3g"),
    "correlation_accuracy": ("correlation accuracy", ""),
    "correlation_accuracy_p": ("p against the backbone", ".3g"),
    "seeds": ("seeds", "d"),
}


def rows(entry):
    """Yield table, label, settings and what to compare with, of every row."""
    for table, content in TABLES.items():
        for label, (settings, against) in content.items():
            # Relative to the entry's own, so that the entry can change.
            more = dict(settings)
            if "epochs" in more:
                more["epochs"] *= entry.recipe.epochs
            if "num_layers" in more:
                more["num_layers"] += entry.model_args["num_layers"]
            yield table, label, more, against
    for name, values in FIGURE_3.items():
        for value in values:
            changed = {} if value == entry.model_args[name] else {name: value}
            yield "Figure 3", f"{name} = {value:g}", {"epochs": FIGURE_3_EPOCHS, **changed}, None


def folder_of(runs, settings):
    """Name a run by its settings, so that rows of two tables share one."""
    return runs / ("_".join(f"{key}-{value}" for key, value in settings.items()) or "recorded")


def alignment(entry, run):
    """Measure A-distance and correlation accuracy on the test split: one pair of numbers a seed."""
    from kerasfuse import analysis
    from kerasfuse.recipes.scoring import load_split

    test = load_split(entry, "test", shuffle=False)
    model = run.entry.build()
    found = {"a_distance": [], "correlation_accuracy": []}
    for seed in run.seeds:
        model.load_weights(run.folder / f"seed_{seed}" / "best.weights.h5")
        scores = analysis.alignment_scores(model, test)
        for name, values in found.items():
            values.append(scores[name])
    return found


def table_6(entry, runs):
    """Return the rows of Table 6, paired over seeds with those of the backbone."""
    from kerasfuse import analysis, recipes

    measured = {
        label: alignment(entry, recipes.read_run(ENTRY, folder_of(runs, settings)))
        for label, settings in TABLE_6.items()
    }
    backbone = measured["MICA, backbone"]
    table = []
    for label, found in measured.items():
        row = {"model": label, "seeds": len(found["a_distance"])}
        for name, values in found.items():
            row[name] = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
            row[f"{name}_per_seed"] = values
            if found is not backbone:
                row[f"{name}_p"] = float(analysis.paired_test(values, backbone[name]).p_value)
        table.append(row)
    return table


def figure_3(entry):
    """Draw validation and test error over alpha, beta and tau, mean and spread over seeds."""
    import matplotlib.pyplot as plt

    score = entry.recipe.score
    recorded = {row["label"]: row for row in entry.results["rows"] if row["table"] == "Figure 3"}
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
    for axis, (name, values) in zip(axes, FIGURE_3.items(), strict=True):
        results = [recorded[f"{name} = {value:g}"] for value in values]
        for split, colour in (("validation", "0.6"), ("test", "C0")):
            scores = [np.array(found[split][score]["per_seed"]) for found in results]
            means, spreads = (
                np.array([f(x) for x in scores]) for f in (np.mean, lambda x: np.std(x, ddof=1))
            )
            axis.plot(values, means, "o-", color=colour, label=split)
            axis.fill_between(values, means - spreads, means + spreads, color=colour, alpha=0.2)
        axis.set_xlabel(name)
        axis.axvline(entry.model_args[name], color="0.8", zorder=0)
    axes[0].set_ylabel(score)
    axes[0].legend(frameon=False)
    figure.suptitle("MICA on simulated sequences, mean ± sd over 3 seeds; grey line: default")
    path = measure.RESULTS / "mica_figure_3.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def main():
    everything = [*TABLES, "Figure 3", "Table 6"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs", ENTRY))
    parser.add_argument("--jobs", type=int, default=1, help="seeds trained at the same time")
    parser.add_argument("--only", nargs="+", choices=everything, default=everything)
    arguments = parser.parse_args()

    from rich.console import Console

    from kerasfuse import recipes, zoo

    console = Console()

    def run(label, settings, seeds=None):
        console.rule(label)
        folder = folder_of(arguments.runs, settings)
        options = {"jobs": arguments.jobs, "verbose": 0, "report": console.print}
        return recipes.train(ENTRY, folder, seeds, settings, **options)

    entry = zoo.entry(ENTRY)
    recipes.record(ENTRY, run(ENTRY, {}).folder)
    for table, label, settings, against in rows(entry):
        if table in arguments.only:
            seeds = entry.recipe.seeds[:3] if table == "Figure 3" else None
            found = run(f"{table}: {label}", settings, seeds)
            recipes.record(ENTRY, found.folder, table, label, against)
    if "Figure 3" in arguments.only:
        console.print(f"drawn: {figure_3(zoo.entry(ENTRY))}")
    if "Table 6" in arguments.only:
        table = table_6(entry, arguments.runs)
        measure.save("mica_table_6", table, COLUMNS, measure.environment("cpu", 1))
        console.print(measure.markdown(table, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
