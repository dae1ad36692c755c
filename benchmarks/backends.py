"""Training steps and predictions of the same models on each backend, at typical lengths.

Keras takes one backend a process, and each is in an environment of its own, so the rows of one run
are those of one backend: run it for each on one machine and compare. Every row is measured in a
process of its own, on all cores, whose first step, where jax and TensorFlow compile, is timed
alone.

    python benchmarks/backends.py
    KERAS_BACKEND=jax python benchmarks/backends.py
    KERAS_BACKEND=tensorflow python benchmarks/backends.py
"""

import argparse
import json
import os
import tempfile
import time

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")

NAMES = ("LMF", "LFLSTM", "MulT", "MICA", "HCTMG", "DAHB", "AGM")
LENGTHS, BATCH = "typical", 64
# Of two ResNet-18 on images.
IMAGE_BATCH = 16
STEPS = 5
COLUMNS = {
    "model": ("model", ""),
    "batch": ("batch", "d"),
    "first": ("first step, s", ",.1f"),
    "step": ("training step, ms", ",.0f"),
    "predict": ("prediction, ms", ",.0f"),
}


def work(model, batch):
    """Time the first step of this process, and steps and predictions after it."""
    import workloads

    made, draw = workloads.make(model, batch, LENGTHS)
    inputs, labels = draw()
    begin = time.perf_counter()
    made.train_on_batch(inputs, labels)
    first = time.perf_counter() - begin
    step = measure.milliseconds(lambda: made.train_on_batch(inputs, labels), STEPS)
    made.predict_on_batch(inputs)
    return {
        "first": first,
        "step": step,
        "predict": measure.milliseconds(lambda: made.predict_on_batch(inputs), STEPS),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=NAMES, help="prints, and saves nothing")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(work(*json.loads(arguments.case))))
        return
    rows = []
    for name in arguments.only or NAMES:
        batch = IMAGE_BATCH if name == "AGM" else BATCH
        case = json.dumps([name, batch])
        with tempfile.TemporaryDirectory() as folder:
            # Nothing that was compiled before is there.
            variables = {"KERASFUSE_CACHE": folder}
            found = measure.in_new_process(__file__, "--case", case, variables=variables)
        rows.append({"model": name, "batch": batch, **found})
    if not arguments.only:
        measure.save("backends", rows, COLUMNS, measure.environment("cpu", os.cpu_count()))
    print(measure.markdown(rows, COLUMNS))


if __name__ == "__main__":
    main()
