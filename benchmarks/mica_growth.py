"""How a training step of full MICA grows with the length of its sequences.

A step on one sample of 2,000 steps of each modality, without padding, beside one of 1,000, with the
widths of CMU-MOSEI and the settings of the paper. Attention matrices grow fourfold, everything else
twofold. The two sides are two fresh processes that take turns, a step each; the growth is the
median of the ratios.

    python benchmarks/mica_growth.py --threads 1
"""

import numpy as np
import turns
import workloads

COMPARISONS = {"step": 4.2}  # greatest growth wanted
LENGTHS = (1000, 2000)
COLUMNS = {
    "reference": ("steps", ""),
    "reference_milliseconds": ("ms", ",.0f"),
    "candidate": ("steps", ""),
    "candidate_milliseconds": ("ms", ",.0f"),
    "cost": ("growth, median of pairs", ".2f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def serve(steps):
    model, _ = workloads.make("MICA", batch=1)
    rng = np.random.default_rng(0)
    x = {
        m: rng.normal(size=(1, int(steps), w)).astype("float32")
        for m, w in workloads.WIDTHS.items()
    }
    y = np.ones((1, 1), "float32")
    turns.answer(lambda: model.train_on_batch(x, y))


def compare(comparison, rounds, advance):
    lengths = [(str(steps),) for steps in LENGTHS]
    with turns.sides(__file__, *lengths, warm_ups=1) as sides:
        seconds = turns.in_turns(sides, rounds, advance)
    reference, candidate = (f"{steps:,}" for steps in LENGTHS)
    return {
        "comparison": comparison,
        "reference": reference,
        "candidate": candidate,
        **turns.cost(seconds, COMPARISONS[comparison]),
    }


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve, rounds=5)
