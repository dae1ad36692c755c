"""A training step under AGM beside the usual way to write it, in plain PyTorch.

Late fusion of two ResNet-18 at the shapes of AV-MNIST, an image of 28 x 28 and a spectrogram of
112 x 112; momentum SGD. The plain side is `plain_agm.py`. The two sides are two fresh processes
that take turns, a step each: the speed-up is the median of the ratios of neighbouring steps. The
first line is the joint step, without AGM.

    python benchmarks/agm_beside_plain.py --threads 1
"""

import os

import numpy as np
import turns

os.environ.setdefault("KERAS_BACKEND", "torch")

BATCH, CLASSES, ALPHA, RATE = 32, 10, 2.5, 1e-3
IMAGES = {"image": (28, 28, 1), "audio": (112, 112, 1)}
# Name: (what it shows, least speed-up wanted).
COMPARISONS = {"joint": ("joint training", None), "agm": ("AGM", 1.5)}
COLUMNS = {
    "what": ("two ResNet-18", ""),
    "reference_speed": ("plain PyTorch, samples/s", ".1f"),
    "candidate_speed": ("kerasfuse, samples/s", ".1f"),
    "speed_up": ("speed-up, median of pairs", ".2f"),
    "spread": ("quartiles", ""),
    "pairs": ("pairs", "d"),
    "goal": ("goal", ""),
}


def batch():
    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(BATCH, *shape)).astype("float32") for m, shape in IMAGES.items()}
    return x, rng.integers(0, CLASSES, BATCH)


def plain_step(name):
    """Return a function that makes one step, from numpy arrays, in plain PyTorch."""
    import torch
    from plain_agm import LateFusion, PlainAGM

    model = LateFusion([shape[-1] for shape in IMAGES.values()], CLASSES)
    agm = PlainAGM(model, ALPHA)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9)
    x, y = batch()
    x = [np.ascontiguousarray(v.transpose(0, 3, 1, 2)) for v in x.values()]

    def step():
        images, labels = [torch.from_numpy(v) for v in x], torch.from_numpy(y)
        optimizer.zero_grad()
        if name == "agm":
            loss = agm.loss(images, labels)
        else:
            loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def own_step(name):
    """Return a function that makes the same step with kerasfuse."""
    import keras

    from kerasfuse.layers import ResNet18
    from kerasfuse.models import LateFusion
    from kerasfuse.training import AGM, Modulated

    model = LateFusion(IMAGES, {m: ResNet18() for m in IMAGES}, CLASSES)
    trained = Modulated(model, AGM(ALPHA)) if name == "agm" else model
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.SGD(RATE, momentum=0.9), loss)
    x, y = batch()
    return lambda: float(trained.train_on_batch(x, y))


def serve(name, side):
    turns.answer(plain_step(name) if side == "plain" else own_step(name))


def compare(name, rounds, advance):
    what, goal = COMPARISONS[name]
    with turns.sides(__file__, (name, "plain"), (name, "own")) as sides:
        seconds = turns.in_turns(sides, rounds, advance)
    return {"comparison": name, "what": what, **turns.speed_up(seconds, BATCH, goal)}


if __name__ == "__main__":
    turns.run(__file__, __doc__, COMPARISONS, COLUMNS, compare, serve, rounds=15)
