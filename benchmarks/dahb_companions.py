"""What DAHB's companions cost a training step.

A step on a batch of 4 anchors and 24 companions, with the contrast of their representations, beside
a step on as many distinct samples without it: the shapes of CMU-MOSI, unaligned and without padding
(text 50 x 768, audio 375 x 5, vision 500 x 20), width 128, one encoder layer, two levels. The two
sides are two fresh processes that take turns, a step each; the cost is the median of the ratios.

    python benchmarks/dahb_companions.py
    KERAS_BACKEND=jax python benchmarks/dahb_companions.py
"""

import os

import numpy as np
import turns

os.environ.setdefault("KERAS_BACKEND", "torch")

WIDTHS = {"text": 768, "audio": 5, "vision": 20}
STEPS = {"text": 50, "audio": 375, "vision": 500}
ANCHORS = 4
ROWS = 7 * ANCHORS

COMPARISONS = {"step": 1.1}  # greatest cost wanted
COLUMNS = {
    "reference": ("step", ""),
    "reference_milliseconds": ("ms", ".0f"),
    "candidate": ("step", ""),
    "candidate_milliseconds": ("ms", ".0f"),
    "cost": ("cost, median of pairs", ".3f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def serve(side):
    import keras

    from kerasfuse import models

    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(ROWS, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
    y = rng.normal(size=(ROWS, 1)).astype("float32")
    weights = np.float32([7.0] * ANCHORS + [0.0] * (ROWS - ANCHORS))
    contrast = {"contrast_weight": 0.0} if side == "plain" else {"pairs": "companions"}
    model = models.DAHB(WIDTHS, **contrast)
    model.compile(keras.optimizers.AdamW(5e-5), "mse")
    arguments = () if side == "plain" else (weights,)
    turns.answer(lambda: float(np.mean(model.train_on_batch(x, y, *arguments))))


def compare(comparison, rounds, advance):
    with turns.sides(__file__, ("plain",), ("companions",)) as sides:
        seconds = turns.in_turns(sides, rounds, advance)
    return {
        "comparison": comparison,
        "reference": f"{ROWS} distinct samples, no contrast",
        "candidate": f"{ANCHORS} anchors, {ROWS - ANCHORS} companions, contrast",
        **turns.cost(seconds, COMPARISONS[comparison]),
    }


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve, rounds=10)
