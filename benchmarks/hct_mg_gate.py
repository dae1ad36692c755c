"""Does HCT-MG's gate end on the modality that carries the information?

Simulated sequences in which one modality in turn has full strength and the other two a fifth of it,
in what they show and in the label. For each gate mode, each informative modality and five seeds, a
small HCT-MG sees each of 6400 samples once; a run is right when the gate's last choice is the
informative modality. The modality that is named first leads until the first step moves the logits:
the default mode runs with the names reversed as well, and that shows what the order does, and with
a third of the learning rate, which shows whether the choice hangs on it.

    KERAS_BACKEND=jax python benchmarks/hct_mg_gate.py       # ten seconds to half a minute a run
    KERAS_BACKEND=jax python benchmarks/hct_mg_gate.py --only "soft"

Runs that are in the folder are not made again.
"""

import argparse
import functools
import json
import os
import pathlib
import textwrap
import time

import measure
import numpy as np
import simulated_runs
from simulated_runs import BATCH, LEARNING_RATE, SEEDS, SMALL, WIDTHS

os.environ.setdefault("KERAS_BACKEND", "jax")

NUM_SAMPLES = {"train": 6400, "validation": 320}
WEAK = 0.2  # strength of the two modalities that are not the informative one
PARTS = 10  # of the samples, after each of which the gate is looked at

FORWARD, REVERSED = list(WIDTHS), list(WIDTHS)[::-1]
# Name of a setting: gate mode, order of the modalities, learning rate.
SETTINGS = {
    "straight_through": ("straight_through", FORWARD, LEARNING_RATE),
    "straight_through_gumbel": ("straight_through_gumbel", FORWARD, LEARNING_RATE),
    "soft": ("soft", FORWARD, LEARNING_RATE),
    "straight_through, names reversed": ("straight_through", REVERSED, LEARNING_RATE),
    "straight_through, a third of the learning rate": (
        "straight_through",
        FORWARD,
        LEARNING_RATE / 3,
    ),
}
COLUMNS = {
    "setting": ("gate", ""),
    "informative": ("informative", ""),
    "place": ("named", ""),
    "right": ("right", ""),
    "weight": ("its weight at the end", ""),
    "settled": ("steps until the last change", ""),
    "mae": ("validation MAE", ""),
    "constant": ("constant", ".3f"),
}
COLOURS = {"text": "#1d4a6b", "audio": "#e4572e", "vision": "#6a994e"}


def build(setting):
    """Make the model of a setting."""
    from kerasfuse import models

    mode, order, _ = SETTINGS[setting]
    return models.HCTMG({m: WIDTHS[m] for m in order}, gate=mode, **SMALL)


@functools.cache
def arrays(split, informative):
    """Give inputs and labels of a split in which one modality has full strength."""
    strengths = {m: 1.0 if m == informative else WEAK for m in WIDTHS}
    return simulated_runs.arrays(split, NUM_SAMPLES[split], imbalance=strengths)


def search(restarted, informative, seed):
    """Train once; return the gate's weights after every part, and the error."""
    model = restarted.restart(seed)
    gate = model.get_layer("gate")
    weights = [gate.probabilities]
    x, y = arrays("train", informative)
    order = np.random.default_rng(seed).permutation(len(y))
    for part in np.split(order, PARTS):
        model.fit({m: v[part] for m, v in x.items()}, y[part], BATCH, verbose=0)
        weights.append(gate.probabilities)
    x, y = arrays("validation", informative)
    return {
        "informative": informative,
        "seed": seed,
        "weights": {m: [w[m] for w in weights] for m in WIDTHS},
        "mae": float(np.abs(model.predict(x, verbose=0) - y).mean()),
    }


def choices(run):
    """Return the gate's choice at the start and after every part."""
    names = list(run["weights"])
    return [names[i] for i in np.argmax(list(run["weights"].values()), axis=0)]


def steps_until_settled(run):
    """Return the number of steps after which the choice was seen to change no more."""
    chosen = choices(run)
    others = [part for part, name in enumerate(chosen) if name != chosen[-1]]
    return (others[-1] + 1 if others else 0) * NUM_SAMPLES["train"] // PARTS // BATCH


def rows(runs):
    """Count, for each setting and informative modality, the runs that ended right."""
    table = []
    for setting, found in runs.items():
        order = SETTINGS[setting][1]
        for informative in WIDTHS:
            group = [run for run in found if run["informative"] == informative]
            if not group:
                continue
            right = sum(choices(run)[-1] == informative for run in group)
            final = [run["weights"][informative][-1] for run in group]
            settled = [steps_until_settled(run) for run in group]
            errors = [run["mae"] for run in group]
            labels = arrays("validation", informative)[1]
            train = arrays("train", informative)[1]
            table.append(
                {
                    "setting": setting,
                    "informative": informative,
                    "place": ("first", "second", "third")[order.index(informative)],
                    "right": f"{right} of {len(group)}",
                    "weight": f"{np.mean(final):.3f} ({min(final):.3f} .. {max(final):.3f})",
                    "settled": f"{np.median(settled):g} ({min(settled)} .. {max(settled)})",
                    "mae": f"{np.mean(errors):.3f}",
                    "constant": float(np.abs(labels - np.median(train)).mean()),
                }
            )
    return table


def figure(runs):
    """Draw the informative modality's weight over the epochs, a line a run."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "kerasfuse"
    drawn, axes = plt.subplots(
        1, len(runs), figsize=(3 * len(runs), 3), sharey=True, layout="constrained", squeeze=False
    )
    for axis, (setting, found) in zip(axes[0], runs.items(), strict=True):
        for run in found:
            name = run["informative"]
            right = choices(run)[-1] == name
            values = run["weights"][name]
            steps = np.linspace(0, NUM_SAMPLES["train"] // BATCH, len(values))
            axis.plot(steps, values, "-" if right else ":", color=COLOURS[name], lw=1)
        axis.axhline(1 / 3, color="0.8", zorder=0)
        axis.set_title(textwrap.fill(setting, 30), fontsize=9)
        axis.set_xlabel("step")
    axes[0, 0].set_ylabel("weight of the informative modality")
    handles = [plt.Line2D([], [], color=c) for c in COLOURS.values()]
    axes[0, -1].legend(handles, COLOURS, frameon=False, fontsize=8)
    drawn.suptitle("dotted: the gate ended on another modality", fontsize=9)
    drawn.savefig(measure.RESULTS / "hct_mg_gate.svg", metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs", "hct_mg_gate"))
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SETTINGS,
        default=list(SETTINGS),
        help="settings to train; the table shows all runs that were made",
    )
    arguments = parser.parse_args()

    from rich.console import Console

    console = Console()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    for setting in arguments.only:
        done = {(run["informative"], run["seed"]) for run in read(arguments.runs, setting)}
        missing = [(m, seed) for m in WIDTHS for seed in SEEDS if (m, seed) not in done]
        if not missing:
            continue
        rate = SETTINGS[setting][2]
        restarted = simulated_runs.Restarted(lambda s=setting: build(s), rate)
        for informative, seed in missing:
            start = time.perf_counter()
            run = search(restarted, informative, seed)
            with open(path_of(arguments.runs, setting), "a", encoding="utf-8") as file:
                file.write(json.dumps(run) + "\n")
            console.print(
                f"{setting}: {informative}, seed {seed}: chose {choices(run)[-1]}, "
                f"{time.perf_counter() - start:.0f} s"
            )
    found = {setting: read(arguments.runs, setting) for setting in SETTINGS}
    found = {setting: runs for setting, runs in found.items() if runs}
    table = rows(found)
    measure.save("hct_mg_gate", table, COLUMNS, measure.environment("cpu", 1))
    figure(found)
    console.print(measure.markdown(table, COLUMNS), soft_wrap=True)


def path_of(folder, setting):
    """Return the file of a setting's runs."""
    return folder / f"{setting}.jsonl"


def read(folder, setting):
    """Return the runs that were made."""
    path = path_of(folder, setting)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
