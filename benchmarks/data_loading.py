"""Conversion and loading of a data set of CMU-MOSEI's size, and a linear model trained on it.

Makes a pickle as MulT has it, all samples of full length, converts it and reads it back, in order
and at random, each in a process of its own. Times are those of the processor, beside the wall's.
Then what `Batches` and grain feed from disk, with nothing kept in memory, beside what the fastest
models train with, in the same run: all on one thread, and grain with one worker and with two. And
an epoch of such a model from disk, with and without a thread that reads ahead.

    python benchmarks/data_loading.py
    python benchmarks/data_loading.py --samples 16326    # 9 GB of disk, 10 GB of memory
"""

import argparse
import json
import os
import pathlib
import pickle
import tempfile
import time

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

SHAPES = {"text": (50, 300), "audio": (500, 74), "vision": (500, 35)}
BATCH_SIZE = 32
# Of models that take sequences of these lengths, the fastest.
FASTEST = ("LMF", "TFN")
STEPS = 20
EPOCHS = 7
FEEDS = {
    "feed, Batches": {},
    "feed, grain, this process": {"loader": "grain", "workers": 0},
    "feed, grain, 1 worker": {"loader": "grain", "workers": 1},
    "feed, grain, 2 workers": {"loader": "grain", "workers": 2},
}
# Epochs, with so many threads that read ahead.
READERS = {f"epoch of {name}, {n} readers": n for name in FASTEST for n in (0, 1)}
TASKS = ("convert", "read in order", "read at random", "train a linear model")
COLUMNS = {
    "task": ("task", ""),
    "samples": ("samples", ",d"),
    "per_wall_second": ("samples/s", ",.0f"),
    "per_cpu_second": ("samples a second of processor time", ",.0f"),
    "peak_megabytes": ("peak MB, all of the process", ",.0f"),
    "goal": ("goal", ""),
}


def write_pickle(path, samples):
    rng = np.random.default_rng(0)
    tree = {}
    for split, count in {"train": samples, "valid": 16, "test": 16}.items():
        tree[split] = {
            name: rng.standard_normal((count, *shape), dtype="float32")
            for name, shape in SHAPES.items()
        }
        tree[split]["labels"] = rng.uniform(-3, 3, (count, 1, 1))
    with open(path, "wb") as file:
        pickle.dump(tree, file, protocol=4)


def run(task, path):
    """Do one task, and give the number of samples and both times."""
    from kerasfuse import datasets

    if task == "make":
        write_pickle(path, int(path.stem))
        return {}
    if task.startswith("step"):
        return step(task)
    if task in READERS:
        return epoch(task, path)
    options = {"data_dir": path, "batch_size": BATCH_SIZE, "shuffle": task == "read at random"}
    if task in FEEDS:
        return feed(task, options | FEEDS[task] | {"shuffle": True})
    if task == "convert":
        start = time.perf_counter(), time.process_time()
        samples = datasets.load("mosei", "train", **options).num_samples
    else:
        batches = datasets.load("mosei", "train", **options)
        samples = batches.num_samples
        model = linear_model(batches.modalities) if task == "train a linear model" else None
        for i in range(len(batches) if model is None else 0):
            batches[i]  # a warm disk cache
        start = time.perf_counter(), time.process_time()
        if model is not None:
            model.fit(batches, verbose=0)
        for i in range(len(batches) if model is None else 0):
            batches[i]
    return measured(task, samples, start)


def measured(task, samples, start):
    return {
        "task": task,
        "samples": samples,
        "per_wall_second": samples / (time.perf_counter() - start[0]),
        "per_cpu_second": samples / (time.process_time() - start[1]),
        "peak_megabytes": measure.peak_resident_bytes() / 2**20,
    }


def step(task):
    """Train a model on one batch that is there already."""
    import workloads

    model, draw = workloads.make(task.removeprefix("step of "), BATCH_SIZE)
    batch = draw()
    model.train_on_batch(*batch)
    start = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        model.train_on_batch(*batch)
    return measured(task, STEPS * BATCH_SIZE, start)


def epoch(task, path):
    """Train a model on an epoch from disk, after one that warms the disk cache."""
    import workloads

    from kerasfuse import datasets
    from kerasfuse.datasets.conversion import records

    records._KEPT_BYTES = 0
    model, _ = workloads.make(task.partition(",")[0].removeprefix("epoch of "), BATCH_SIZE)
    options = {"data_dir": path, "batch_size": BATCH_SIZE, "shuffle": True}
    batches = datasets.load("mosei", "train", readers=READERS[task], **options)
    model.fit(batches, verbose=0, shuffle=False)
    start = time.perf_counter(), time.process_time()
    model.fit(batches, verbose=0, shuffle=False)
    return measured(task, batches.num_samples, start)


def feed(task, options):
    """Ask for epochs of batches, after one that starts the processes and warms the disk cache.

    The one in the middle counts: what else the machine does falls on some of them.
    """
    from kerasfuse import datasets
    from kerasfuse.datasets.conversion import records

    records._KEPT_BYTES = 0
    batches = datasets.load("mosei", "train", **options)
    for i in range(len(batches)):
        batches[i]
    rows = []
    for _ in range(EPOCHS):
        batches.on_epoch_end()
        start = time.perf_counter(), time.process_time()
        samples = sum(len(batches[i][1]) for i in range(len(batches)))
        rows.append(measured(task, samples, start))
    row = sorted(rows, key=lambda row: row["per_wall_second"])[EPOCHS // 2]
    if task != "feed, Batches":
        batches.close()
        del row["per_cpu_second"], row["peak_megabytes"]  # of this process alone
    return row


def linear_model(modalities):
    import keras

    inputs = {name: keras.Input((None, width), name=name) for name, width in modalities.items()}
    means = [keras.layers.GlobalAveragePooling1D()(x) for x in inputs.values()]
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(means)))
    model.compile("sgd", "mae")
    return model


def goal(row, rows):
    """Say whether a row meets its goal, beside the others."""
    speed = {other["task"]: other["per_wall_second"] for other in rows}
    fastest = max(speed[f"step of {name}"] for name in FASTEST)
    per_wall_second = row["per_wall_second"]
    found = {
        "read in order": {"800 samples/s": per_wall_second >= 800},
        "train a linear model": {"under 1,500 MB": row.get("peak_megabytes", 0) < 1500},
        **{task: {"3 times the fastest step": per_wall_second >= 3 * fastest} for task in FEEDS},
    }.get(row["task"], {})
    if row["task"] == "feed, grain, 2 workers":
        found["1.6 times one worker"] = per_wall_second >= 1.6 * speed["feed, grain, 1 worker"]
    return "; ".join(f"{told}: {'met' if met else 'missed'}" for told, met in found.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--dry", action="store_true", help="print the table and save nothing")
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(run(arguments.task[0], pathlib.Path(arguments.task[1]))))
        return

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, f"{arguments.samples}.pkl")
        variables = {"TFDS_DATA_DIR": folder}
        steps = [f"step of {name}" for name in FASTEST]
        for task in ("make", *TASKS, *steps, *FEEDS, *READERS):
            if task in (*steps, *FEEDS, *READERS):
                variables["OMP_NUM_THREADS"] = "1"
            asked = ("--task", task, path)
            rows.append(measure.in_new_process(__file__, *asked, variables=variables))
    rows = [row | {"goal": goal(row, rows[1:])} for row in rows[1:]]
    print(measure.markdown(rows, COLUMNS))
    if not arguments.dry:
        measure.save("data_loading", rows, COLUMNS, measure.environment("cpu", os.cpu_count()))


if __name__ == "__main__":
    main()
