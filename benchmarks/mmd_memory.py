"""Time and peak memory of the MMD between two large sets of vectors, value and gradient.

`kerasfuse.ops.mmd` against the usual implementation, which holds every kernel matrix, and the
two estimators against the exact value. Each line is measured in a process of its own.

    python benchmarks/mmd_memory.py
    KERAS_BACKEND=jax python benchmarks/mmd_memory.py
"""

import argparse
import json
import os
import sys
import time

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

WIDTH = 5
THREADS = 2
LARGE, SMALL = 32_000, 4_000
SEEDS = 8

CASES = [
    {"implementation": "plain", "elements": SMALL},
    {"implementation": "exact", "elements": SMALL},
    {"implementation": "exact", "elements": LARGE},
    {"implementation": "random_features", "elements": LARGE, "num_features": 256},
    {"implementation": "random_features", "elements": LARGE, "num_features": 1024},
    {"implementation": "subsample", "elements": LARGE, "max_elements": 256},
    {"implementation": "subsample", "elements": LARGE, "max_elements": 1024},
]
COLUMNS = {
    "implementation": ("implementation", ""),
    "setting": ("setting", ""),
    "elements": ("elements a side", ",d"),
    "milliseconds": ("value and gradient, ms", ",.0f"),
    "megabytes": ("peak above the inputs, MB", ",.0f"),
    "goal": ("goal", ""),
    "error": ("relative error", ".1e"),
    "gradient_error": ("of the gradient", ".1e"),
}


def data(elements):
    """Two clouds of queries and keys: another centre and another scale."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(elements, WIDTH))
    y = 1.2 * rng.normal(size=(elements, WIDTH)) + 0.3
    return x.astype("float32"), y.astype("float32")


def plain_mmd(x, y):
    """The usual way: three matrices of distances, five exponentials of each, all kept."""
    from keras import ops

    pooled = ops.stop_gradient(ops.concatenate([x, y], axis=0))
    bandwidth = 2.0 * ops.sum(ops.var(pooled, axis=0))

    def kernel(a, b):
        distance = ops.sum((a[:, None] - b[None]) ** 2, axis=-1)
        return sum(ops.mean(ops.exp(-distance / (bandwidth * 2.0**u))) for u in range(-2, 3))

    return kernel(x, x) + kernel(y, y) - 2.0 * kernel(x, y)


def value_and_gradient(function, x, y):
    """Call `function(x, y)` and differentiate it in x, with the backend's own means."""
    import keras

    backend = keras.config.backend()
    if backend == "torch":
        x = x.detach().requires_grad_(True)
        value = function(x, y)
        value.backward()
        return value.item(), keras.ops.convert_to_numpy(x.grad)
    if backend == "jax":
        import jax

        value, gradient = jax.jit(jax.value_and_grad(function))(x, y)
    else:
        import tensorflow as tf

        @tf.function
        def compiled(x, y):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = function(x, y)
            return value, tape.gradient(value, x)

        value, gradient = compiled(x, y)
    return float(value), np.asarray(gradient)


def measure_case(case):
    """Measure one case in this process and print it as JSON."""
    import torch

    torch.set_num_threads(THREADS)
    from keras import ops

    from kerasfuse.ops import mmd

    device = "cuda" if torch.cuda.is_available() else "cpu"
    implementation = case["implementation"]
    arguments = {k: v for k, v in case.items() if k in ("num_features", "max_elements")}
    seeds = 1 if implementation in ("plain", "exact") else SEEDS

    def function(seed):
        if implementation == "plain":
            return plain_mmd
        return lambda x, y: mmd(x, y, estimator=implementation, seed=seed, **arguments)

    small = [ops.convert_to_tensor(a) for a in data(8)]
    value_and_gradient(function(0), *small)  # loads what the backend loads on first use
    x, y = (ops.convert_to_tensor(a) for a in data(case["elements"]))
    meter = measure.PeakMemory(device)
    values, seconds = [], []
    for seed in range(seeds):
        start = time.perf_counter()
        value, gradient = value_and_gradient(function(seed), x, y)
        seconds.append(time.perf_counter() - start)
        values.append(value)
    json.dump(
        {
            **case,
            "setting": ", ".join(f"{k}={v}" for k, v in arguments.items()),
            "milliseconds": 1e3 * float(np.median(seconds)),
            "megabytes": meter.read() / 1e6,
            "values": values,
            "gradient": gradient[:50].tolist(),
        },
        sys.stdout,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        return measure_case(arguments.case)

    import torch
    from rich.console import Console
    from rich.progress import track

    rows = []
    for case in track(CASES, description="mmd"):
        rows.append(measure.in_new_process(__file__, "--case", json.dumps(case)))

    exact = {r["elements"]: r for r in rows if r["implementation"] == "exact"}
    for row in rows:
        reference = exact[row["elements"]]
        values = np.array(row.pop("values")) if row is not reference else None
        if values is not None:
            true = reference["values"][0]
            row["error"] = float(np.sqrt(np.mean((values / true - 1.0) ** 2)))
        if row["implementation"] == "plain":
            a, b = np.array(row["gradient"]), np.array(reference["gradient"])
            row["gradient_error"] = float(np.abs(a - b).max() / np.abs(a).max())
        if row is exact[LARGE]:
            met = "met" if row["megabytes"] < 1000 else "missed"
            row["goal"] = f"under 1,000: {met}"
    for row in rows:
        row.pop("gradient")
        row.pop("values", None)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    measure.save("mmd_memory", rows, COLUMNS, measure.environment(device, THREADS))
    Console().print(measure.markdown(rows, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
