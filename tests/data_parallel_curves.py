"""Train tiny models on the devices that there are, and write down every loss.

`python data_parallel_curves.py FILE CASE...`, under torchrun or with several devices of jax. A case
`alone/mult` is trained on one device, and `even/mult` without a small batch at the end and without
validation, each of which takes a compilation more.
"""

import json
import sys

import kerasfuse  # noqa: F401  (chooses the backend)

# isort: split
import keras
import numpy as np

from kerasfuse import layers
from kerasfuse.datasets import Batches, Companions, ModalityDropout
from kerasfuse.models import DAHB, MICA, MISA, MMIM, LateFusion, MulT, SelfMM
from kerasfuse.recipes.execution.devices import ALONE, joined
from kerasfuse.training import AGM, OGMGE, Modulated

WIDTHS = {"text": 6, "audio": 4}
# The last batch has three: an odd number, and fewer than four devices.
SAMPLES, BATCH, EPOCHS = 27, 8, 3
SMALL = {"dim": 8, "num_heads": 2, "num_layers": 1, "kernel_sizes": 1}
PLAIN = dict.fromkeys(("embedding_dropout", "residual_dropout", "feedforward_dropout"), 0.0)
STREAMS = {
    **{"dim": 8, "num_heads": 2, "feedforward_units": 6, "num_bottlenecks": 2, "dropout": 0.0},
    **{"fusion_layers": 1, "encoder_layers": 1},
}
CLASSES = keras.losses.SparseCategoricalCrossentropy


def late_fusion(strategy):
    encoders = {m: layers.LSTMEncoder(5) for m in WIDTHS}
    return Modulated(LateFusion(WIDTHS, encoders, num_outputs=3), strategy)


# Name: model, and what becomes of the batches.
CASES = {
    "mult": (lambda: MulT(WIDTHS, **SMALL, **PLAIN), None),
    "mica": (lambda: MICA(WIDTHS, beta=0.5, **SMALL, **PLAIN), None),
    "mica_sum": (
        lambda: MICA(WIDTHS, alpha=0.0, beta=0.5, reduction="paper_sum", **SMALL, **PLAIN),
        None,
    ),
    "dahb": (lambda: DAHB(WIDTHS, **STREAMS), None),
    "dahb_all": (lambda: DAHB(WIDTHS, **STREAMS, pair_layout="all_negatives"), None),
    "dahb_companions": (lambda: DAHB(WIDTHS, **STREAMS, pairs="companions"), Companions),
    "agm": (lambda: late_fusion(AGM(alpha=1.5)), None),
    "agm_encoder": (lambda: late_fusion(AGM(alpha=1.5, level="encoder")), None),
    "ogm": (lambda: late_fusion(OGMGE(alpha=0.8, variables="all", reference="running")), None),
    "mmim": (lambda: MMIM(WIDTHS, lstm_units=3, encoding_dim=3, dim=5, memory_size=6), None),
    "misa": (
        lambda: MISA(
            WIDTHS, dim=4, lstm_units=3, feedforward_units=6, fusion_dropout=0, output_dropout=0
        ),
        None,
    ),
    "self_mm": (
        lambda: SelfMM(WIDTHS, num_samples=SAMPLES, lstm_units=3, dim=5, unimodal_dim=4),
        lambda batches: ModalityDropout(batches, {"audio": 0.3}),
    ),
}

# What the tests train, one for each way that devices exchange something. The others by hand.
TESTED = ("mult", "mica", "dahb", "dahb_companions", "agm", "mmim")


def batches(classes, size=BATCH, samples=SAMPLES):
    generator = np.random.default_rng(0)
    x = {
        m: [generator.normal(size=(steps, width)) for steps in generator.integers(2, 9, samples)]
        for m, width in WIDTHS.items()
    }
    labels = generator.integers(0, 3, samples) if classes else generator.normal(size=samples)
    return Batches(x, labels, size, shuffle=True, seed=5)


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.found = []

    def on_train_batch_end(self, batch, logs=None):
        self.found.append({name: float(value) for name, value in logs.items()})


def curve(name, devices):
    """Return the logs of each step, and of each epoch with its validation."""
    *options, name = name.split("/")
    devices = ALONE if "alone" in options else devices
    even = "even" in options
    make, serve = CASES[name]
    keras.utils.set_random_seed(1)
    model = make()
    modulated = isinstance(model, Modulated)
    model.compile(
        keras.optimizers.SGD(0.05) if modulated else keras.optimizers.Adam(1e-3),
        CLASSES(from_logits=True) if modulated else "mae",
        weighted_metrics=["accuracy" if modulated else "mse"],
    )
    train = batches(modulated, samples=4 * BATCH if even else SAMPLES)
    train = train if serve is None else serve(train)
    devices.attach(model)
    watched = Losses()
    history = model.fit(
        epochs=EPOCHS,
        shuffle=False,
        **devices.training(
            train,
            None if even else batches(modulated, SAMPLES),
            [watched],
            seed=1,
            verbose=0,
            companions=train if isinstance(train, Companions) else None,
        ),
    )
    variables = [keras.ops.convert_to_numpy(v) for v in model.variables]
    return {
        "steps": watched.found,
        "epochs": {key: list(map(float, values)) for key, values in history.history.items()},
        "variables": float(sum(np.abs(x.astype("float64")).sum() for x in variables)),
    }


def curves(devices, names=TESTED):
    """Return the curve of each case; several processes must have the same weights at its end."""
    found = {name: curve(name, devices) for name in names}
    devices.agree(**{f"variables of {name}": each["variables"] for name, each in found.items()})
    return found


def largest_difference(found, wanted):
    """Return the name and the size of the largest difference of two curves, beside 1."""
    differences = {"steps": abs(len(found["steps"]) - len(wanted["steps"]))}
    for step, reference in zip(found["steps"], wanted["steps"], strict=True):
        for name, value in reference.items():
            difference = abs(step[name] - value) / max(1.0, abs(value))
            differences[name] = max(differences.get(name, 0.0), difference)
    for name, values in wanted["epochs"].items():
        pairs = zip(found["epochs"][name], values, strict=True)
        differences[f"{name} of epochs"] = max(abs(x - y) / max(1.0, abs(y)) for x, y in pairs)
    return max(differences.items(), key=lambda item: item[1])


def main(file, *names):
    names, found, number = names or TESTED, {}, 1
    for way in (None, "data"):
        cases = [name for name in names if ("alone/" in name) == (way is None)]
        with joined(way if cases else None, lambda line: None) as devices:
            found |= curves(devices, cases)
            number = max(number, devices.number)
    if devices.is_first:
        with open(file, "w", encoding="utf-8") as out:
            json.dump({"devices": number, "curves": found}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
