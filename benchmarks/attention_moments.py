"""Does attention fall on the same moment, in recordings?

Sound and face of a clip share its clock, so the true alignment of RAVDESS is known without any
annotation. For each entry with weights: the share of attention within 0.2 s of the true moment on
its test clips, beside what uniform attention has, averaged over the layers.

    python benchmarks/attention_moments.py --data-dir shared     # a minute
"""

import argparse
import os
import pathlib
import warnings

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

WITHIN = 0.2
# Entry -> steps a second of each modality that has a clock.
RATES = {
    "mult_ravdess": {"audio": 100, "vision": 30},
    "mica_ravdess": {"audio": 100, "vision": 30},
    "mult_ravdess_speech": {"audio": 20, "vision": 30},
    "mica_ravdess_speech": {"audio": 20, "vision": 30},
}
# Folder of the data set below that of all data.
PLACES = {"ravdess": "data", "ravdess_speech": "."}
COLUMNS = {
    "entry": ("entry", ""),
    "pair": ("attention", ""),
    "share": (f"share within {WITHIN:g} s", ".1%"),
    "chance": ("uniform", ".1%"),
    "lift": ("share / uniform", ".2f"),
}


def rows_of(name, data_dir):
    """Return a row for each pair of modalities of an entry, averaged over its layers."""
    from kerasfuse import analysis, zoo
    from kerasfuse.recipes.scoring import load_split

    entry = zoo.entry(name)
    test = load_split(entry, "test", data_dir / PLACES[entry.data_name], shuffle=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zoo.WeightTermsWarning)
        model = zoo.load(name)
    found = {}
    for place, measured in analysis.attention_in_time(model, test, RATES[name], WITHIN).items():
        pair = place.rpartition("/")[2].replace("_to_", " → ")
        found.setdefault(pair, []).append((measured["share"], measured["chance"]))
    rows = []
    for pair, layers in found.items():
        share, chance = map(float, np.mean(layers, axis=0))
        rows.append(
            {"entry": name, "pair": pair, "share": share, "chance": chance, "lift": share / chance}
        )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--entries", nargs="+", choices=RATES, default=list(RATES))
    arguments = parser.parse_args()

    from rich.console import Console
    from rich.progress import track

    rows = []
    for name in track(arguments.entries, description="entries"):
        rows += rows_of(name, arguments.data_dir)
    measure.save("attention_moments", rows, COLUMNS, measure.environment("cpu", 1))
    Console().print(measure.markdown(rows, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
