"""What a second worker brings to a search: the same number of trials by one, and by two together.

40 trials of LMF on `mosi_utterance`, one thread a worker, pruned by the median rule; both searches
begin in an empty folder, and two workers share its journal. Settings are drawn at random, by which
both searches try the same ones: what TPE tries depends on the trials that have ended, and two such
searches differ in epochs more than in speed.

    KERASFUSE_DATA=folder python benchmarks/search_workers.py
"""

import argparse
import json
import os
import pathlib
import tempfile
import time

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ["OMP_NUM_THREADS"] = "1"

NAME = "lmf_mosi_utterance"
MOST = 0.6
COLUMNS = {
    "workers": ("workers", "d"),
    "trials": ("trials", "d"),
    "pruned": ("pruned", ".0%"),
    "epochs": ("epochs", ",d"),
    "seconds": ("seconds", ",.0f"),
    "ratio": ("of one worker's time", ".2f"),
    "goal": ("goal", ""),
}


def search(workers, trials, folder):
    from kerasfuse import datasets, recipes, zoo

    entry = zoo.entry(NAME)
    datasets.load(entry.data_name, **entry.data_args)  # converted before the time begins
    begin = time.perf_counter()
    found = recipes.tune(
        NAME, trials=trials, run_dir=folder, seeds=[], jobs=workers, sampler="random"
    )
    return {
        "workers": workers,
        "trials": len(found.trials),
        "pruned": found.pruned,
        "epochs": sum(trial.epochs for trial in found.trials),
        "seconds": time.perf_counter() - begin,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--dry", action="store_true", help="print the table and save nothing")
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        workers, folder = arguments.task
        print(json.dumps(search(int(workers), arguments.trials, folder)))
        return

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            place = str(pathlib.Path(folder, str(workers)))
            asked = ("--task", workers, place, "--trials", arguments.trials)
            rows.append(measure.in_new_process(__file__, *asked))
    rows[1]["ratio"] = rows[1]["seconds"] / rows[0]["seconds"]
    rows[1]["goal"] = f"{MOST}: {'met' if rows[1]['ratio'] <= MOST else 'missed'}"
    print(measure.markdown(rows, COLUMNS))
    if not arguments.dry:
        measure.save("search_workers", rows, COLUMNS, measure.environment("cpu", 1))


if __name__ == "__main__":
    main()
