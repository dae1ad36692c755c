"""How long it takes until a model of the zoo is there: importing, then loading weights.

Every round is a fresh process, and the least of all rounds is kept: what else the machine does only
adds to it.
"""

import argparse
import os
import pathlib
import subprocess
import sys

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")

PROGRAM = """
import time, warnings
import keras
warnings.simplefilter("ignore")
start = time.perf_counter()
import kerasfuse
imported = time.perf_counter()
model = kerasfuse.zoo.load({name!r})
print(imported - start, time.perf_counter() - imported, model.count_params())
"""
COLUMNS = {
    "entry": ("entry", ""),
    "parameters": ("parameters", ",d"),
    "import": ("import kerasfuse, s beyond keras", ".2f"),
    "load": ("zoo.load, s", ".2f"),
    "goal": ("goal", ""),
}


def run(name, rounds):
    root = pathlib.Path(__file__).parents[1]
    variables = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM.format(name=name)]
    numbers = [
        subprocess.check_output(command, text=True, env=variables).split() for _ in range(rounds)
    ]
    row = {
        "entry": name,
        "parameters": int(numbers[0][2]),
        "import": min(float(each[0]) for each in numbers),
        "load": min(float(each[1]) for each in numbers),
    }
    met = max(row["import"], row["load"]) < 2
    return row | {"goal": f"under 2 s each: {'met' if met else 'missed'}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", nargs="+", default=["mica_mosei", "mica_ravdess"])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = [run(name, arguments.rounds) for name in arguments.entries]
    measure.save("zoo_loading", rows, COLUMNS, measure.environment("cpu", os.cpu_count()))
    print(measure.markdown(rows, COLUMNS))


if __name__ == "__main__":
    main()
