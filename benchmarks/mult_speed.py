"""Speed and peak memory of kerasfuse's MulT and MICA beside a plain PyTorch MulT.

Widths of CMU-MOSI; width 40, 4 layers; the lengths of its unaligned files, typical ones of shorter
data, and toy ones, which show what each call of a layer costs. The two sides of a comparison run in
two fresh processes that take turns, one step each, so that whatever else the machine does hits
both: the speed-up is the median of the ratios of neighbouring steps. Peak memory is each process's
own, above what it held with everything imported and nothing built.

    python benchmarks/mult_speed.py --threads 1
    python benchmarks/mult_speed.py --rounds 20 --only mica_train_full
"""

import os

import measure
import numpy as np
import turns

os.environ.setdefault("KERAS_BACKEND", "torch")

WIDTHS = {"text": 300, "audio": 5, "vision": 20}
# Name: steps of each modality, samples in a batch.
SHAPES = {
    "full": ({"text": 50, "audio": 375, "vision": 500}, 8),
    "typical": ({"text": 20, "audio": 100, "vision": 80}, 64),
    "toy": ({"text": 4, "audio": 4, "vision": 4}, 2),
}
LEARNING_RATE = 1e-3
CLIP_NORM = 0.8

# The same dropouts on both sides: MulT's own.
DROPOUTS = {
    "embedding_dropout": 0.25,
    "residual_dropout": 0.1,
    "feedforward_dropout": 0.1,
    "output_dropout": 0.0,
}
SIZE = {"dim": 40, "num_layers": 4}
WITHOUT = {"attention_dropout": 0.0, "causal_mask": False, "return_averaged_weights": False}
MODELS = {
    "plain MulT": ("plain", SIZE | DROPOUTS | WITHOUT | {"num_heads": 10, "text_dropout": 0.25}),
    # How its authors run it: attention dropout 0.1, causal mask, averaged weights.
    "plain MulT, authors' way": (
        "plain",
        SIZE | DROPOUTS | {"num_heads": 10, "text_dropout": 0.25},
    ),
    "kerasfuse MulT": (
        "MulT",
        SIZE | DROPOUTS | {"num_heads": 10, "input_dropout": {"text": 0.25}},
    ),
    # MICA, Table 1, MOSI.
    "kerasfuse MICA": (
        "MICA",
        SIZE
        | DROPOUTS
        | {"num_heads": 8, "kernel_sizes": 3, "alpha": 0.8, "beta": 0.5, "tau": 0.25}
        | {"input_dropout": {"text": 0.25}},
    ),
}
AUTHORS = "plain MulT, authors' way"
# Name: (what, shapes, reference, candidate, least speed-up wanted).
COMPARISONS = {
    "mult_train_full": ("train", "full", "plain MulT", "kerasfuse MulT", 4.0),
    "mult_infer_full": ("infer", "full", "plain MulT", "kerasfuse MulT", 3.0),
    "mica_train_full": ("train", "full", AUTHORS, "kerasfuse MICA", 3.0),
    "mult_train_typical": ("train", "typical", "plain MulT", "kerasfuse MulT", 3.0),
    "mult_infer_typical": ("infer", "typical", "plain MulT", "kerasfuse MulT", 2.0),
    "mica_train_typical": ("train", "typical", AUTHORS, "kerasfuse MICA", 2.0),
    "mica_infer_typical": ("infer", "typical", AUTHORS, "kerasfuse MICA", 2.0),
    "mult_infer_toy": ("infer", "toy", "plain MulT", "kerasfuse MulT", 1 / 3),
    "mica_infer_toy": ("infer", "toy", "plain MulT", "kerasfuse MICA", 1 / 3),
}
COLUMNS = {
    "what": ("", ""),
    "shapes": ("steps", ""),
    "batch": ("batch", "d"),
    "reference": ("reference", ""),
    "reference_speed": ("samples/s", ".1f"),
    "reference_memory": ("peak MB", ",.0f"),
    "candidate": ("candidate", ""),
    "candidate_speed": ("samples/s", ".1f"),
    "candidate_memory": ("peak MB", ",.0f"),
    "speed_up": ("speed-up, median of pairs", ".2f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def batch(shapes):
    steps, size = SHAPES[shapes]
    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(size, steps[m], w)).astype("float32") for m, w in WIDTHS.items()}
    return x, rng.normal(size=(size, 1)).astype("float32")


def plain_step(what, shapes, arguments, device):
    """Return a function that makes one step, from numpy arrays, with the plain model."""
    import torch
    from plain_mult import PlainMulT

    model = PlainMulT(WIDTHS, **arguments).to(device)
    x, y = batch(shapes)

    def tensors():
        inputs = {m: torch.from_numpy(v).to(device) for m, v in x.items()}
        return inputs, torch.from_numpy(y).to(device)

    if what == "infer":
        model.eval()

        def step():
            with torch.no_grad():
                model(tensors()[0]).cpu().numpy()

        return step

    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def step():
        inputs, target = tensors()
        optimizer.zero_grad()
        loss = torch.nn.functional.l1_loss(model(inputs), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        loss.item()

    return step


def kerasfuse_step(what, shapes, name, arguments):
    """Return a function that makes one step, from numpy arrays, with a model of kerasfuse."""
    import keras

    from kerasfuse import models

    model = getattr(models, name)(WIDTHS, **arguments)
    x, y = batch(shapes)
    if what == "infer":
        return lambda: model.predict_on_batch(x)
    optimizer = keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=CLIP_NORM)
    model.compile(optimizer=optimizer, loss="mae")
    return lambda: model.train_on_batch(x, y)


def serve(what, shapes, name):
    import keras  # noqa: F401  both sides hold the same libraries before the meter starts
    import torch

    import kerasfuse.models  # noqa: F401

    device = measure.device()
    torch.ones(1, device=device)
    meter = measure.PeakMemory(device)
    kind, arguments = MODELS[name]
    if kind == "plain":
        step = plain_step(what, shapes, arguments, device)
    else:
        step = kerasfuse_step(what, shapes, kind, arguments)

    def to_its_end():
        step()
        if device == "cuda":
            torch.cuda.synchronize()

    turns.answer(to_its_end, memory=lambda: meter.read() / 1e6)


def compare(comparison, rounds, advance):
    what, shapes, reference, candidate, goal = COMPARISONS[comparison]
    steps, size = SHAPES[shapes]
    both = (what, shapes, reference), (what, shapes, candidate)
    with turns.sides(__file__, *both, warm_ups=1) as sides:
        seconds = turns.in_turns(sides, rounds, advance)
        memory = [side.ask("memory") for side in sides]
    return {
        "comparison": comparison,
        "what": what,
        "shapes": "/".join(map(str, steps.values())),
        "batch": size,
        "reference": reference,
        "reference_memory": memory[0],
        "candidate": candidate,
        "candidate_memory": memory[1],
        **turns.speed_up(seconds, size, goal),
    }


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve, rounds=10)
