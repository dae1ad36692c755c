"""What one of several processes of PyTorch does in `test_torch_data_parallel.py`.

`python two_processes.py FOLDER`, in each process: its findings become a file there.
"""

import json
import pathlib
import sys

import kerasfuse  # noqa: F401  (chooses the backend)

# isort: split
import data_parallel_curves
import data_parallel_recipes
import keras
import torch

from kerasfuse import recipes
from kerasfuse.backend import torch_data_parallel
from kerasfuse.recipes.execution.devices import ALONE, joined


def model_with_dropout():
    model = keras.Sequential([keras.layers.Dense(1), keras.layers.BatchNormalization()])
    model.drawn = keras.random.SeedGenerator()
    model.build((None, 2))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def random_numbers(group):
    """Return what each process draws once an epoch has begun: as dropout does, and from a model."""
    keras.utils.set_random_seed(group.rank)
    model = model_with_dropout()
    weights = group.words(float(keras.ops.sum(model.layers[0].kernel)))
    share = data_parallel_curves.batches(False).share(group.rank, group.ranks)
    exchange = group.callback(share, seed=1)
    exchange.set_model(model)
    exchange.set_params({"steps": len(share)})
    exchange.on_epoch_begin(0)
    mine, models = float(torch.rand(())), float(keras.random.uniform((), seed=model.drawn))
    model.layers[1].moving_mean.assign([1.0 + group.rank])
    exchange.on_train_batch_begin(len(share) - 1)
    exchange.on_train_batch_end(len(share) - 1)
    return {
        "weights before": weights,
        "weights": group.words(float(keras.ops.sum(model.layers[0].kernel))),
        "as dropout": group.words(mine),
        "of the model": group.words(models),
        "batch norm": group.words(float(model.layers[1].moving_mean.value)),
    }


def gradients(group):
    """Return the mean of gradients that not every process has, of three samples and of one."""
    now = torch_data_parallel._Now
    now.group, now.counts = group, [3, 1]
    variables = [keras.Variable([0.0]) for _ in range(3)]
    mine = torch.ones(1) * (1 + group.rank)
    given = [mine, mine if group.rank else None, None]
    found = torch_data_parallel._means(given, variables)
    now.group = now.counts = None
    return [None if x is None else float(x) for x in found]


def refused(group, run):
    try:
        recipes.train("tiny_simulated", run, seeds=[1 + group.rank], distribute="data", verbose=0)
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


def main(folder):
    folder = pathlib.Path(folder)
    with joined("data", lambda line: None) as devices:
        group, told = devices.group, []
        # Each on its own, at the same time.
        cases = data_parallel_curves.TESTED[group.rank :: group.ranks]
        found = {
            "alone": data_parallel_curves.curves(ALONE, cases),
            "curves": data_parallel_curves.curves(devices),
            "random": random_numbers(group),
            "gradients": gradients(group),
            "refused": refused(group, folder / "refused"),
        }
        run = recipes.train(
            *("tiny_simulated", folder / "run", [1, 2]),
            overrides={"drop_modality": {"audio": 0.3}},
            distribute="data",
            report=told.append,
            verbose=0,
        )
        for name in data_parallel_recipes.RECIPES:
            data_parallel_recipes.train(name, folder, folder / name, distribute="data")
        found |= {"told": told, "score": run.seeds[1]["test"]["mae"]}
        path = folder / f"{group.rank}.json"
        path.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
