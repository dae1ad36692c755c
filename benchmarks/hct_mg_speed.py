"""Speed of HCT-MG beside kerasfuse's own MulT of the same width, heads and depth.

Shapes of CMU-MOSI, unaligned, without padding; the paper's settings: width 40, 5 heads, 2 layers,
kernels of one step; batch 16. The two sides are two fresh processes that take turns, a step each:
the speed-up is the median of the ratios of neighbouring steps. A GRU of three layers over 500 steps
stands beside the same GRU as Keras runs it.

    KERAS_BACKEND=jax python benchmarks/hct_mg_speed.py
    KERAS_BACKEND=torch python benchmarks/hct_mg_speed.py --rounds 20 --only train
"""

import os

import numpy as np
import turns

os.environ.setdefault("KERAS_BACKEND", "jax")

WIDTHS = {"text": 300, "audio": 5, "vision": 20}
STEPS = {"text": 50, "audio": 375, "vision": 500}
BATCH, DIM = 16, 40
SETTINGS = {"dim": DIM, "num_heads": 5, "num_layers": 2, "kernel_sizes": 1}
DROPOUTS = {"embedding_dropout": 0.2, "residual_dropout": 0.2, "feedforward_dropout": 0.2}
LEARNING_RATE, CLIP_NORM = 1e-3, 0.8

# Name: (what, reference, candidate, least speed-up wanted on jax).
COMPARISONS = {
    "train": ("train", "MulT", "HCTMG", 1.5),
    "infer": ("infer", "MulT", "HCTMG", 1.5),
    "gru": ("train", "GRU of Keras", "MaskedGRU", None),
}
COLUMNS = {
    "what": ("", ""),
    "reference": ("reference", ""),
    "reference_speed": ("samples/s", ".1f"),
    "candidate": ("candidate", ""),
    "candidate_speed": ("samples/s", ".1f"),
    "speed_up": ("speed-up, median of pairs", ".2f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def model_and_batch(name):
    import keras

    from kerasfuse import layers, models

    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(BATCH, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
    y = rng.normal(size=(BATCH, 1)).astype("float32")
    if hasattr(models, name):
        return getattr(models, name)(WIDTHS, **SETTINGS, **DROPOUTS), x, y
    x = rng.normal(size=(BATCH, STEPS["vision"], DIM)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    if name == "MaskedGRU":
        outputs = layers.MaskedGRU(DIM, 3)(inputs)
    else:
        outputs = inputs
        for _ in range(3):
            outputs = keras.layers.GRU(DIM, use_bias=False, return_sequences=True)(outputs)
    outputs = keras.layers.Dense(1)(outputs[:, -1])
    return keras.Model(inputs, outputs), x, y


def serve(what, name):
    import keras

    model, x, y = model_and_batch(name)
    model.compile(keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=CLIP_NORM), "mae")
    steps = {
        "train": lambda: float(model.train_on_batch(x, y)),
        "infer": lambda: float(np.mean(model.predict_on_batch(x))),
    }
    turns.answer(steps[what])


def compare(comparison, rounds, advance):
    what, reference, candidate, goal = COMPARISONS[comparison]
    with turns.sides(__file__, (what, reference), (what, candidate)) as sides:
        seconds = turns.in_turns(sides, rounds, advance)
    row = {"comparison": comparison, "what": what, "reference": reference, "candidate": candidate}
    return row | turns.speed_up(seconds, BATCH, goal)


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve)
