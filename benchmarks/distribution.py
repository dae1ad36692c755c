"""What `--distribute data` costs on one device: a step of training with it beside one without.

MulT and MICA on batches of 16, of the widths of CMU-MOSEI and typical lengths, without padding.
With PyTorch the side that distributes is what torchrun starts with one process; with jax it is
`keras.distribution.DataParallel` on one device. The two sides are two fresh processes that take
turns, a step each; the cost is the median of the ratios.

    python benchmarks/distribution.py --threads 1
    KERAS_BACKEND=jax python benchmarks/distribution.py --threads 1
"""

import turns
import workloads

BATCH = 16
MOST = 1.03
COMPARISONS = ("MulT", "MICA")
COLUMNS = {
    "model": ("model", ""),
    "reference_milliseconds": ("ms without", ",.0f"),
    "candidate_milliseconds": ("ms with", ",.0f"),
    "cost": ("cost, median of pairs", ".3f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def serve(name, way):
    from kerasfuse.recipes.execution.devices import joined

    with joined(None if way == "without" else "data", lambda line: None) as devices:
        model, draw = workloads.make(name, BATCH, "typical")
        devices.attach(model)
        x, y = draw()
        turns.answer(lambda: model.train_on_batch(x, y))


def compare(comparison, rounds, advance):
    with turns.sides(__file__, (comparison, "without"), (comparison, "with")) as sides:
        seconds = turns.in_turns(sides, rounds, advance)
    return {"comparison": comparison, "model": comparison, **turns.cost(seconds, MOST)}


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve)
