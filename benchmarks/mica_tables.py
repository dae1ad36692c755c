"""The tables of MICA's paper and supplement, on simulated sequences.

Every row is a run of an entry with a few settings changed, and is recorded in the entry, with a
paired test over seeds. `mica_clock`, whose world has a clock, has Table 5 (what each loss adds,
and the forms of the element-level one), `mica_ravdess` the same on recordings, and `mult_clock`
Table A2 (both losses on plain MulT).
Table 6 (A-distance and correlation accuracy, at every layer) comes from the weights that the runs
left. `mica_simulated`, whose world has none, has Tables 5, A1 (epochs and layers made equal) and A2
and Figure 3 (alpha, beta and tau, of both losses as printed), which is drawn as well.

    python benchmarks/mica_tables.py --jobs 2                 # five hours on two cores
    python benchmarks/mica_tables.py --only "Table 5" "Table 6"
    python benchmarks/mica_tables.py --entry mica_simulated   # about a minute a seed and row

A run folder that is there goes on where it stopped, and a row that is recorded is left alone.
"""

import argparse
import itertools
import json
import os
import pathlib

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

BACKBONE = {"alpha": 0.0, "beta": 0.0}
PLAIN = {"class": "MulT", **BACKBONE}
DETACHED = {"mmd_bandwidth": "detached"}
# Both losses as the paper prints them, and the MMD as domain adaptation computes it.
PRINTED = {"beta": 0.5, "normalise": "none", **DETACHED}

# The form of the element-level loss that neither a scale nor a shift can meet.
SPREAD = {"beta": 0.5, "normalise": "spread"}
# Its forms, beside the MMD.
FORMS = {
    "as printed": {"beta": 0.5, "normalise": "none"},
    "over the mean norm": {"beta": 0.5, "normalise": "norms"},
    "vectors of length 1": {"beta": 0.5, "normalise": "unit"},
    "over the spread": SPREAD,
    "over the spread, without propagation": {**SPREAD, "propagate": False},
}
# Entry -> table -> row -> settings, and the row or result that a paired test compares it with.
TABLES = {
    "mica_clock": {
        "Table 5": {
            "backbone": (BACKBONE, "recorded"),
            "+ element alignment, over the spread": ({"alpha": 0.0, "beta": 0.5}, "backbone"),
            **{f"full, {label}": (settings, "recorded") for label, settings in FORMS.items()},
            "+ MMD, bandwidth detached": (DETACHED, "recorded"),
            "+ MMD, sources updated": ({"low_level_source": False}, "recorded"),
        },
    },
    "mica_ravdess": {
        "Table 5": {
            "backbone": (BACKBONE, "recorded"),
            **{
                f"full, {label}": (FORMS[label], "recorded")
                for label in ("over the mean norm", "vectors of length 1", "over the spread")
            },
        },
    },
    "mult_clock": {
        "Table A2": {
            "+ MMD": ({"alpha": 0.8}, "recorded"),
            "+ MMD + element alignment": ({"alpha": 0.8, "beta": 0.5}, "recorded"),
        },
    },
    "mica_simulated": {
        "Table 5": {
            "backbone": (BACKBONE, "recorded"),
            "+ MMD, bandwidth detached": (DETACHED, "recorded"),
            "full, as printed": (PRINTED, "recorded"),
            "full, as printed, without propagation": ({**PRINTED, "propagate": False}, "recorded"),
        },
        "Table A2": {
            "MulT": (PLAIN, None),
            "MulT + MMD, bandwidth detached": ({"class": "MulT", **DETACHED}, "MulT"),
            "MulT, both losses as printed": ({"class": "MulT", **PRINTED}, "MulT"),
        },
        "Table A1": {
            "MulT": (PLAIN, "recorded"),
            "MulT, twice the epochs": ({**PLAIN, "epochs": 2}, "MulT"),
            "MulT, a layer more": ({**PLAIN, "num_layers": 1}, "MulT"),
            "MICA, as printed, a layer more": ({**PRINTED, "num_layers": 1}, "recorded"),
        },
    },
}
OLD = "mica_simulated"
# Thirty-nine runs, of half the epochs.
FIGURE_3_EPOCHS = 5
FIGURE_3 = {
    "alpha": [0.0, 0.4, 0.8, 1.2, 1.6],
    "beta": [0.0, 0.25, 0.5, 0.75, 1.0],
    "tau": [0.1, 0.2, 0.3, 0.4, 0.5],
}

# Entry -> label -> settings; the first of each is what the others are compared with.
TABLE_6 = {
    "mult_clock": {
        "MulT": {},
        "MulT, + MMD": {"alpha": 0.8},
        "MulT, full": {"alpha": 0.8, "beta": 0.5},
    },
    "mica_clock": {
        "MICA, backbone": BACKBONE,
        "MICA, + MMD": {},
        "MICA, + MMD, bandwidth detached": DETACHED,
        "MICA, + element alignment, over the spread": {"alpha": 0.0, "beta": 0.5},
        **{f"MICA, full, {label}": settings for label, settings in FORMS.items()},
        "MICA, + MMD, sources updated": {"low_level_source": False},
    },
    OLD: {
        "MulT": PLAIN,
        "MICA, backbone": BACKBONE,
        "MICA, + MMD": {},
        "MICA, + MMD, bandwidth detached": DETACHED,
        "MICA, full, as printed": PRINTED,
        "MICA, full, as printed, without propagation": {**PRINTED, "propagate": False},
    },
}
MEASURES = ("a_distance", "correlation_accuracy", "peak", "common")
COLUMNS = {
    "model": ("", ""),
    "layer": ("layer", "d"),
    "a_distance": ("A-distance", ""),
    "a_distance_p": ("p against the first", ".3g"),
    "correlation_accuracy": ("correlation accuracy", ""),
    "correlation_accuracy_p": ("p against the first", ".3g"),
    "others": ("pairs below chance", ".0%"),
    "peak": ("largest weight / mean", ""),
    "common": ("one vector", ""),
    "seeds": ("seeds", "d"),
}


def rows(entry):
    """Yield table, label, settings and what to compare with, of every row of an entry."""
    for table, content in TABLES[entry.name].items():
        for label, (settings, against) in content.items():
            # Relative to the entry's own, so that the entry can change.
            more = dict(settings)
            if "epochs" in more:
                more["epochs"] *= entry.recipe.epochs
            if "num_layers" in more:
                more["num_layers"] += entry.model_args["num_layers"]
            yield table, label, more, against
    for name, values in FIGURE_3.items() if entry.name == OLD else ():
        for value in values:
            changed = {"epochs": FIGURE_3_EPOCHS, **PRINTED, name: value}
            yield "Figure 3", f"{name} = {value:g}", changed, None


def folder_of(runs, settings):
    """Name a run by its settings, so that rows of two tables share one."""
    return runs / ("_".join(f"{key}-{value}" for key, value in settings.items()) or "recorded")


def chance(batches):
    """Return how often a random step of the source would be of the target step's event."""
    from kerasfuse.analysis.correlation_accuracy import correspondence

    shares = []
    for sample in range(batches.num_samples):
        events = batches.alignment(sample)
        for source, target in itertools.permutations(events, 2):
            same = correspondence(events[target], events[source])
            shares.extend(same.mean(axis=1)[same.any(axis=1)])
    return float(np.mean(shares))


def common_share(model, batches, layer):
    """Return how much of the squared length of queries and keys is that of their common mean.

    Averaged over heads and pairs of modalities: 0 for vectors around the origin, 1 for equal ones.
    """
    from kerasfuse.analysis.attention.statistics import present_steps

    pairs = list(itertools.permutations(model.modalities, 2))
    names = [
        (f"{kind}/{layer}/{s}_to_{t}", (s, t)) for s, t in pairs for kind in ("queries", "keys")
    ]
    extractor = model.extract(*(name for name, _ in names))
    total, squares, count = {}, {}, {}
    for index in range(len(batches)):
        inputs = batches[index][0]
        found = extractor.predict_on_batch(inputs)
        for name, pair in names:
            source_or_target = pair[name.startswith("queries")]
            real = present_steps(np.asarray(inputs[source_or_target]))
            x = np.asarray(found[name], "float64")[real]
            total[pair] = total.get(pair, 0.0) + x.sum(axis=0)
            squares[pair] = squares.get(pair, 0.0) + (x**2).sum(axis=(0, 2))
            count[pair] = count.get(pair, 0) + len(x)
    shares = [
        ((total[pair] / count[pair]) ** 2).sum(axis=-1) / (squares[pair] / count[pair])
        for pair in pairs
    ]
    return float(np.mean(shares))


def alignment(run, test, by_chance):
    """Measure a run on the test split: dict of layer to dict of measure to one number a seed."""
    from kerasfuse import analysis

    model = run.entry.build()
    found = {}
    for seed in run.seeds:
        model.load_weights(run.folder / f"seed_{seed}" / "best.weights.h5")
        statistics = analysis.attention_statistics(model, test)
        for layer, maps in statistics.layers.items():
            if layer is None:
                continue
            scores = analysis.alignment_scores(model, test, layer=layer)
            accuracies = [pair["correlation_accuracy"] for pair in scores["pairs"].values()]
            measured = {
                "a_distance": scores["a_distance"],
                "correlation_accuracy": scores["correlation_accuracy"],
                "peak": float(np.mean([statistic["peak"] for statistic in maps.values()])),
                "common": common_share(model, test, layer),
                "others": float(np.mean(np.array(accuracies) < by_chance)),
            }
            for name, value in measured.items():
                found.setdefault(layer, {}).setdefault(name, []).append(value)
    return found


def table_6(names, runs, before=()):
    """Return the rows of Table 6, each layer paired over seeds with that of the first model.

    Args:
        names: names of entries.
        runs: folder of runs; models whose run is not there keep the rows of `before`.
        before: rows that were measured before.
    """
    from kerasfuse import recipes, zoo
    from kerasfuse.recipes.scoring import load_split

    table = []
    for name in (name for name in TABLE_6 if name in names):
        test = load_split(zoo.entry(name), "test", shuffle=False)
        by_chance, first = chance(test), None
        for label, settings in TABLE_6[name].items():
            folder = folder_of(runs / name, settings)
            if folder.is_dir():
                found = alignment(recipes.read_run(name, folder), test, by_chance)
                rows = [
                    {"model": label, "layer": layer, "chance": by_chance, **row_of(measured)}
                    for layer, measured in found.items()
                ]
            else:
                rows = [row for row in before if row["model"] == label]
            first = first or rows
            table += [row if rows is first else paired(row, first) for row in rows]
    return table


def row_of(measured):
    """Return a row of Table 6 without its tests, of dict of measure to one number a seed."""
    row = {"seeds": len(measured["peak"]), "others": float(np.mean(measured["others"]))}
    for name in MEASURES:
        values = measured[name]
        row[name] = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
        row[f"{name}_per_seed"] = values
    return row


def paired(row, first):
    """Return a row with p of each measure against the same layer of the first model's rows."""
    from kerasfuse import analysis

    [other] = (each for each in first if each["layer"] == row["layer"])
    tests = {
        name: analysis.paired_test(row[f"{name}_per_seed"], other[f"{name}_per_seed"])
        for name in MEASURES
    }
    return row | {f"{name}_p": float(test.p_value) for name, test in tests.items()}


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
        axis.axvline({**entry.model_args, **PRINTED}[name], color="0.8", zorder=0)
    axes[0].set_ylabel(score)
    axes[0].legend(frameon=False)
    figure.suptitle("MICA on simulated sequences, mean ± sd over 3 seeds; grey line: default")
    path = measure.RESULTS / "mica_figure_3.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def main():
    titles = {title: None for tables in TABLES.values() for title in tables}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entry", nargs="+", choices=TABLES, default=["mica_clock", "mult_clock"])
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs"))
    parser.add_argument("--jobs", type=int, default=1, help="seeds trained at the same time")
    everything = [*titles, "Figure 3", "Table 6"]
    parser.add_argument("--only", nargs="+", choices=everything, default=everything)
    arguments = parser.parse_args()

    from rich.console import Console

    from kerasfuse import recipes, zoo

    console = Console()

    def run(entry, label, settings, seeds=None):
        console.rule(f"{entry.name}, {label}")
        folder = folder_of(arguments.runs / entry.name, settings)
        options = {"jobs": arguments.jobs, "verbose": 0, "report": console.print}
        return recipes.train(entry.name, folder, seeds, settings, **options)

    for name in arguments.entry:
        entry = zoo.entry(name)
        if not entry.results:
            recipes.record(name, run(entry, "the entry itself", {}).folder)
        there = {(row["table"], row["label"]) for row in entry.results.get("rows", [])}
        for table, label, settings, against in rows(entry):
            if table in arguments.only and (table, label) not in there:
                seeds = entry.recipe.seeds[:3] if table == "Figure 3" else None
                found = run(entry, f"{table}: {label}", settings, seeds)
                recipes.record(name, found.folder, table, label, against)
    if OLD in arguments.entry and "Figure 3" in arguments.only:
        console.print(f"drawn: {figure_3(zoo.entry(OLD))}")
    if "Table 6" in arguments.only:
        save_table_6("mica_table_6", {OLD} & {*arguments.entry}, arguments.runs, console)
        save_table_6("mica_table_6_clock", {*arguments.entry} - {OLD}, arguments.runs, console)


def save_table_6(place, names, runs, console):
    """Measure Table 6 of some entries of one world, and save it beside what was measured before."""
    if not names:
        return
    path = measure.RESULTS / f"{place}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    table = table_6(names, runs, json.loads(lines[-1])["rows"] if lines else ())
    # Rows are of runs of several days, and none depends on which of them a machine trained.
    environment = measure.environment("cpu", 1) | {"device": "CPUs of several machines"}
    measure.save(place, table, COLUMNS, environment)
    console.print(measure.markdown(table, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
