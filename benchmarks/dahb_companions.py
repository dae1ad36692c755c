"""What DAHB's companions cost: a training step, and the ranking of all samples of CMU-MOSEI.

A step on a batch of 4 anchors and 24 companions, with the contrast of their representations, beside
a step on as many distinct samples without it: the shapes of CMU-MOSI, unaligned and without padding
(text 50 x 768, audio 375 x 5, vision 500 x 20), width 128, one encoder layer, two levels. The two
sides are two fresh processes that take turns, a step each; the cost is the median of the ratios.

Ranking finds the companions of 16,326 samples from vectors of three times 128, beside the same with
all similarities at once. Each is measured in a process of its own.

    python benchmarks/dahb_companions.py
    KERAS_BACKEND=jax python benchmarks/dahb_companions.py
"""

import argparse
import json
import os
import subprocess
import sys
import time

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

WIDTHS = {"text": 768, "audio": 5, "vision": 20}
STEPS = {"text": 50, "audio": 375, "vision": 500}
ANCHORS = 4
MOSEI, VECTOR = 16_326, 3 * 128
MOST_COST, MOST_MEGABYTES = 1.1, 500

STEP_COLUMNS = {
    "reference": ("step", ""),
    "reference_speed": ("samples/s", ".2f"),
    "candidate": ("step", ""),
    "candidate_speed": ("samples/s", ".2f"),
    "cost": ("cost, median of pairs", ".3f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}
RANKING_COLUMNS = {
    "ranking": ("ranking", ""),
    "samples": ("samples", ",d"),
    "seconds": ("seconds", ".1f"),
    "megabytes": ("peak above the vectors, MB", ",.0f"),
    "goal": ("goal", ""),
}


def serve_step(side, threads):
    """Make one step for every line that comes in, and answer with its seconds."""
    import keras

    from kerasfuse import models

    if keras.config.backend() == "torch":
        import torch

        torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    rows = 7 * ANCHORS
    x = {m: rng.normal(size=(rows, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
    y = rng.normal(size=(rows, 1)).astype("float32")
    weights = np.float32([7.0] * ANCHORS + [0.0] * (rows - ANCHORS))
    contrast = {"contrast_weight": 0.0} if side == "plain" else {"pairs": "companions"}
    model = models.DAHB(WIDTHS, **contrast)
    model.compile(keras.optimizers.AdamW(5e-5), "mse")
    arguments = () if side == "plain" else (weights,)
    for _ in sys.stdin:
        start = time.perf_counter()
        float(np.mean(model.train_on_batch(x, y, *arguments)))  # until the numbers are there
        print(time.perf_counter() - start, flush=True)


def compare_steps(rounds, threads, advance):
    sides = [
        measure.Side(__file__, "--serve", side, "--threads", str(threads))
        for side in ("plain", "companions")
    ]
    try:
        for _ in range(2):  # the first step compiles
            for side in sides:
                side.ask("step")
        seconds = measure.in_turns(sides, rounds, advance)
    finally:
        for side in sides:
            side.close()
    ratios = seconds[:, 1] / seconds[:, 0]
    low, cost, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
    rows = 7 * ANCHORS
    return {
        **measure.speed_up(seconds, rows),
        "reference": f"{rows} distinct samples, no contrast",
        "candidate": f"{ANCHORS} anchors, {rows - ANCHORS} companions, contrast",
        "cost": cost,
        "spread": f"{low:.3f} .. {high:.3f}",
        "goal": f"{MOST_COST}: {'met' if cost <= MOST_COST else 'missed'}",
    }


def serve_ranking(ranking):
    """Rank in this process and print what it took as JSON."""
    from kerasfuse.datasets import similar_samples as module

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(MOSEI, VECTOR)).astype("float32")
    classes = np.round(np.clip(rng.normal(size=MOSEI), -3, 3))
    if ranking == "all at once":
        module._BLOCK = MOSEI**2
    module.similar_samples(vectors[:100], classes[:100])  # loads what numpy loads on first use
    meter = measure.PeakMemory("cpu")
    start = time.perf_counter()
    module.similar_samples(vectors, classes)
    json.dump(
        {
            "ranking": ranking,
            "samples": MOSEI,
            "seconds": time.perf_counter() - start,
            "megabytes": meter.read() / 1e6,
        },
        sys.stdout,
    )


def measure_ranking(ranking):
    command = [sys.executable, __file__, "--rank", ranking]
    row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if ranking == "in blocks":
        met = "met" if row["megabytes"] < MOST_MEGABYTES else "missed"
        row["goal"] = f"under {MOST_MEGABYTES}: {met}"
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10, help="pairs of steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve_step(arguments.serve, arguments.threads)
    if arguments.rank:
        return serve_ranking(arguments.rank)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

    from rich.console import Console
    from rich.progress import Progress

    environment = measure.environment("cpu", arguments.threads)
    with Progress() as progress:
        task = progress.add_task("ranking", total=2)
        rankings = []
        for ranking in ("all at once", "in blocks"):
            rankings.append(measure_ranking(ranking))
            progress.advance(task)
        task = progress.add_task("steps", total=arguments.rounds)
        steps = [compare_steps(arguments.rounds, arguments.threads, lambda: progress.advance(task))]
    measure.save("dahb_ranking", rankings, RANKING_COLUMNS, environment)
    measure.save("dahb_companions", steps, STEP_COLUMNS, environment)
    for rows, columns in ((rankings, RANKING_COLUMNS), (steps, STEP_COLUMNS)):
        Console().print(measure.markdown(rows, columns), soft_wrap=True)


if __name__ == "__main__":
    main()
