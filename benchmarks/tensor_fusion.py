"""Time and memory of fusing vectors by their outer product, and by a tensor of low rank.

`TensorFusion` against a product that first writes each modality out to the size of the result; and,
with the dense layer that follows in a tensor fusion network, against `LowRankFusion`, which stands
for both, with two to eight modalities. Each line is measured in a process of its own.

    python benchmarks/tensor_fusion.py
    KERAS_BACKEND=jax python benchmarks/tensor_fusion.py
"""

import argparse
import json
import math
import os
import sys
import time

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

THREADS, ROUNDS = 1, 100
# The widths of the paper: text, audio, vision.
PAPER, BATCH = (128, 32, 32), 128
WIDTH, UNITS, RANK = 16, 16, 4

CASES = [
    {"fusion": "tensor, a copy a modality", "widths": PAPER, "batch": BATCH},
    {"fusion": "tensor", "widths": PAPER, "batch": BATCH},
    *[{"fusion": "tensor and dense", "widths": [WIDTH] * n, "batch": BATCH} for n in (2, 3, 4)],
    *[{"fusion": "low rank", "widths": [WIDTH] * n, "batch": BATCH} for n in (2, 3, 4, 6, 8)],
]
COLUMNS = {
    "fusion": ("fusion", ""),
    "modalities": ("modalities", "d"),
    "output": ("output, MB", ",.1f"),
    "megabytes": ("peak above the inputs, MB", ",.1f"),
    "parameters": ("parameters", ",d"),
    "microseconds": ("forward, us", ",.0f"),
    "goal": ("goal", ""),
}


def copy_of_each(vectors):
    """Write every vector out to the size of the product before multiplying."""
    from keras import ops

    ones = [ops.pad(x, [[0, 0], [0, 1]], constant_values=1.0) for x in vectors]
    shape = (len(vectors[0]), *(x.shape[1] for x in ones))
    fused = 1.0
    for axis, x in enumerate(ones, start=1):
        wide = ops.reshape(x, [n if i in (0, axis) else 1 for i, n in enumerate(shape)])
        fused = fused * ops.copy(ops.broadcast_to(wide, shape))
    return ops.reshape(fused, (len(vectors[0]), -1))


def measure_case(case):
    """Measure one case in this process and print it as JSON."""
    import keras
    import torch

    torch.set_num_threads(THREADS)
    from keras import ops

    from kerasfuse.layers import LowRankFusion, TensorFusion

    device = "cuda" if torch.cuda.is_available() else "cpu"
    widths = case["widths"]
    layer, dense = None, None
    if case["fusion"].startswith("tensor"):
        layer = TensorFusion()
    if case["fusion"] == "tensor and dense":
        dense = keras.layers.Dense(UNITS)
        dense.build((None, math.prod(width + 1 for width in widths)))
    if case["fusion"] == "low rank":
        layer = LowRankFusion(UNITS, RANK)
        layer.build([(None, width) for width in widths])
    if case["fusion"] == CASES[0]["fusion"]:
        layer = copy_of_each

    def fuse(vectors):
        with torch.no_grad():
            fused = layer(vectors)
            return fused if dense is None else dense(fused)

    rng = np.random.default_rng(0)

    def vectors(batch):
        arrays = [rng.normal(size=(batch, width)).astype("float32") for width in widths]
        return [ops.convert_to_tensor(array) for array in arrays]

    fuse(vectors(2))  # loads what the backend loads on first use
    x = vectors(case["batch"])
    meter = measure.PeakMemory(device)
    output, seconds = None, []
    for _ in range(ROUNDS):
        output = None
        start = time.perf_counter()
        output = fuse(x)
        ops.convert_to_numpy(output[0, 0])
        seconds.append(time.perf_counter() - start)
    parts = [part for part in (layer, dense) if hasattr(part, "count_params") and part.built]
    json.dump(
        {
            "fusion": case["fusion"],
            "modalities": len(widths),
            "output": 4 * math.prod(output.shape) / 1e6,
            "megabytes": meter.read() / 1e6,
            "parameters": sum(part.count_params() for part in parts),
            "microseconds": 1e6 * float(np.median(seconds)),
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
    for case in track(CASES, description="fusion"):
        rows.append(measure.in_new_process(__file__, "--case", json.dumps(case)))
    own = rows[1]
    # The output, the product before the last modality, and what the allocator rounds.
    met = "met" if own["megabytes"] < 1.25 * own["output"] else "missed"
    own["goal"] = f"under 1.25 outputs: {met}"
    low = [row for row in rows if row["fusion"] == "low rank"]
    each = [
        (after["parameters"] - before["parameters"]) / (after["modalities"] - before["modalities"])
        for before, after in zip(low, low[1:], strict=False)
    ]
    met = "met" if len(set(each)) == 1 else "missed"
    low[-1]["goal"] = f"{each[0]:,.0f} parameters a modality: {met}"

    device = "cuda" if torch.cuda.is_available() else "cpu"
    measure.save("tensor_fusion", rows, COLUMNS, measure.environment(device, THREADS))
    Console().print(measure.markdown(rows, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
