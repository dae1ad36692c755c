"""What choosing the epoch on the test split would gain, on the words of CMU-MOSI.

Trains entries by their own recipes with the weights of every epoch kept, and scores all of them on
test: the epoch that is best on validation, the one that is best on test, and the best of any seed
and epoch, as many papers report it.

    python benchmarks/selection_audit.py --jobs 2 --data-dir folder     # half an hour
    python benchmarks/selection_audit.py --only lmf_mosi_words

A run folder that is there goes on where it stopped.
"""

import argparse
import os
import pathlib

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")

NAMES = ("text_frozen", "self_mm_frozen", "lf_lstm", "ef_lstm", "lmf", "tfn", "misa", "mmim")
ENTRIES = [f"{name}_mosi_words" for name in NAMES]
METRICS = {"acc2_non0": "Acc2", "mae": "MAE"}
WAYS = {
    "validation": "chosen on validation",
    "test": "each seed's on test",
    "gain": "gain",
    "best of all": "best of all seeds",
}
COLUMNS = {"entry": ("entry", ""), "seeds": ("seeds", "d")} | {
    f"{metric} {way}": (f"{heading}, {told}", "")
    for metric, heading in METRICS.items()
    for way, told in WAYS.items()
}


def row(audit, name):
    """Give the row of an entry."""
    from kerasfuse.metrics.conventions import format_value

    found = {"entry": f"`{name}`", "seeds": len(audit.test)}
    for metric in METRICS:
        for way, score in audit.table(metric).items():
            text = format_value(metric, score["mean"])
            if "sd" in score:
                text += f" ± {format_value(metric, score['sd'])}"
            found[f"{metric} {way}"] = text
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/selection_audit"))
    parser.add_argument("--data-dir", help="folder of the data, by default KERASFUSE_DATA")
    parser.add_argument("--jobs", type=int, default=1, help="seeds trained at the same time")
    parser.add_argument("--only", nargs="+", choices=ENTRIES, help="prints, and saves nothing")
    arguments = parser.parse_args()

    from rich.console import Console

    from kerasfuse import recipes

    console, rows = Console(), []
    for name in arguments.only or ENTRIES:
        console.rule(name)
        folder = arguments.runs / name
        recipes.train(
            name,
            folder,
            data_dir=arguments.data_dir,
            jobs=arguments.jobs,
            verbose=0,
            report=console.print,
            keep_epochs=True,
        )
        rows.append(row(recipes.audit_selection(folder, arguments.data_dir), name))
    console.print(measure.markdown(rows, COLUMNS), soft_wrap=True)
    if not arguments.only:
        measure.save("selection_audit", rows, COLUMNS, measure.environment("cpu", 1))


if __name__ == "__main__":
    main()
