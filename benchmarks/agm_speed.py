"""Cost of a training step under AGM, beside the same step of the same model without.

Late fusion of two and of three modalities whose encoders, convolutions of more than 10 ms a step,
have neither batch norm nor dropout, so that their outputs are used again; late fusion of two
ResNet-18, whose muted passes run in inference mode; and MulT with three modalities, all seven
coalitions. The two sides are two fresh processes that take turns, a step each: the cost is the
median of the ratios of neighbouring steps.

    python benchmarks/agm_speed.py --rounds 20
    python benchmarks/agm_speed.py --only late_2 --threads 1
"""

import os

import numpy as np
import turns

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
    "encode": ("ms to encode, forward", ".0f"),
    "reference_milliseconds": ("joint step, ms", ".0f"),
    "candidate_milliseconds": ("step under AGM, ms", ".0f"),
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


def serve(name, side):
    import keras

    from kerasfuse.analysis.coalitions import CoalitionEvaluator
    from kerasfuse.training import AGM, Modulated

    model, x, y, loss = make(name)
    trained = Modulated(model, AGM(1.0)) if side == "modulated" else model
    trained.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss)
    cut = CoalitionEvaluator(model)
    encoders = {m: cut.encoder(m) for m in x}

    def encode():
        for m in x:
            encoders[m].predict_on_batch(x[m])

    turns.answer(
        lambda: float(trained.train_on_batch(x, y)), encode=lambda: turns.seconds_of(encode)
    )


def compare(name, rounds, advance):
    what, most = COMPARISONS[name]
    with turns.sides(__file__, (name, "joint"), (name, "modulated")) as sides:
        sides[0].ask("encode")  # loads what it needs
        encode = min(sides[0].ask("encode") for _ in range(3))
        seconds = turns.in_turns(sides, rounds, advance)
    row = {"comparison": name, "what": what, "encode": 1000 * encode}
    return row | turns.cost(seconds, most)


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve)
