"""Cost of a training step under AGM, beside the same step of the same model without.

Late fusion of two and of three modalities whose encoders, convolutions of more than 10 ms a step,
have neither batch norm nor dropout, so that their outputs are used again; late fusion of two
ResNet-18, whose muted passes run in inference mode; and MulT with three modalities, all seven
coalitions. The two sides are two fresh processes that take turns, a step each: the cost is the
median of the ratios of neighbouring steps.

    python benchmarks/agm_speed.py --rounds 20
    python benchmarks/agm_speed.py --only late_2 --threads 1
"""

import argparse
import os
import sys
import time

import measure
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

BATCH, CLASSES = 32, 10
IMAGE = (64, 64, 1)
NAMES = ("image", "audio", "depth")
SEQUENCES = {"text": (50, 300), "audio": (200, 74), "vision": (200, 35)}

# Name: (what it shows, greatest cost wanted).
COMPARISONS = {
    "late_2": ("late fusion, 2 modalities, outputs used again", 1.3),
    "late_3": ("late fusion, 3 modalities, outputs used again", 1.3),
    "late_2_batch_norm": ("late fusion, 2 ResNet-18, inference mode", 2.2),
    "attention_3": ("MulT, 3 modalities, 7 coalitions", 4.0),
}
COLUMNS = {
    "what": ("model", ""),
    "encoders": ("ms to encode, forward", ".0f"),
    "joint": ("joint step, ms", ".0f"),
    "modulated": ("step under AGM, ms", ".0f"),
    "cost": ("cost, median of pairs", ".2f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def make(name):
    """Give a model, a batch and what to compile with."""
    import keras

    from kerasfuse import layers, models

    rng = np.random.default_rng(0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    y = rng.integers(0, CLASSES, BATCH)
    if name == "attention_3":
        widths = {m: width for m, (_, width) in SEQUENCES.items()}
        x = {m: rng.normal(size=(BATCH, *shape)) for m, shape in SEQUENCES.items()}
        dropouts = dict.fromkeys(("embedding_dropout", "residual_dropout"), 0.1)
        model = models.MulT(widths, CLASSES, dim=40, num_heads=5, num_layers=2, **dropouts)
    else:
        names = NAMES[: int(name.split("_")[1])]
        x = {m: rng.normal(size=(BATCH, *IMAGE)) for m in names}
        model = models.LateFusion(
            dict.fromkeys(names, IMAGE),
            {m: layers.ResNet18(16) if name.endswith("norm") else convolutions() for m in names},
            CLASSES,
        )
    return model, {m: v.astype("float32") for m, v in x.items()}, y, loss


def convolutions():
    import keras

    return keras.Sequential(
        [
            keras.layers.Conv2D(16, 5, 2, padding="same", activation="relu"),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(64, 3, 2, padding="same", activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def serve(name, side, threads):
    """Make one step for every line that comes in, and answer with its seconds."""
    import keras

    from kerasfuse.models.coalitions import Coalitions
    from kerasfuse.training import AGM, Modulated

    if keras.config.backend() == "torch":
        import torch

        torch.set_num_threads(threads)
    model, x, y, loss = make(name)
    trained = Modulated(model, AGM(1.0)) if side == "modulated" else model
    trained.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss)
    cut = Coalitions(model)
    encoders = {m: cut.encoder(m) for m in x}
    steps = {
        "step": lambda: float(trained.train_on_batch(x, y)),
        "encode": lambda: [encoders[m].predict_on_batch(x[m]) for m in x],
    }
    for line in sys.stdin:
        start = time.perf_counter()
        steps[line.strip()]()  # until the numbers are there
        print(time.perf_counter() - start, flush=True)


def compare(name, rounds, threads, advance):
    what, goal = COMPARISONS[name]
    sides = [
        measure.Side(__file__, "--serve", name, side, "--threads", str(threads))
        for side in ("joint", "modulated")
    ]
    try:
        for _ in range(2):  # the first step compiles
            for side in sides:
                side.ask("step")
            sides[0].ask("encode")
        encoders = min(sides[0].ask("encode") for _ in range(3))
        seconds = measure.in_turns(sides, rounds, advance)
    finally:
        for side in sides:
            side.close()
    low, cost, high = np.quantile(seconds[:, 1] / seconds[:, 0], [0.25, 0.5, 0.75]).tolist()
    joint, modulated = (1000 * np.median(seconds, axis=0)).tolist()
    return {
        "comparison": name,
        "what": what,
        "encoders": 1000 * encoders,
        "joint": joint,
        "modulated": modulated,
        "cost": cost,
        "spread": f"{low:.2f} .. {high:.2f}",
        "pairs": rounds,
        "goal": f"at most {goal:g}: {'met' if cost <= goal else 'missed'}",
        "seconds": seconds.tolist(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="pairs of steps in a comparison")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only",
        choices=COMPARISONS,
        nargs="+",
        default=list(COMPARISONS),
        help="a part of the comparisons, which is printed and not saved",
    )
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(*arguments.serve, arguments.threads)

    # What jax listens to; it has to be said before it starts.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

    from rich.console import Console
    from rich.progress import Progress

    rows = []
    with Progress() as progress:
        for name in arguments.only:
            task = progress.add_task(name, total=arguments.rounds)
            rows.append(
                compare(
                    name, arguments.rounds, arguments.threads, lambda t=task: progress.advance(t)
                )
            )
    if arguments.only == list(COMPARISONS):
        measure.save("agm_speed", rows, COLUMNS, measure.environment("cpu", arguments.threads))
    Console().print(measure.markdown(rows, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
