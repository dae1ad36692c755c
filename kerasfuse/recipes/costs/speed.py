"""How fast an entry trains and predicts, here and now."""

import time

from kerasfuse.datasets import Companions
from kerasfuse.recipes.modulation import balanced
from kerasfuse.recipes.scoring import compile_model

# Long enough for a clock, short enough for a table of fifteen models.
_SECONDS, _STEPS = 1.0, 10


def inference_speed(model, data):
    """Measure how many samples a second a model predicts, batches and all."""
    model.predict(data, verbose=0)  # compiles
    start = time.perf_counter()
    model.predict(data, verbose=0)
    return data.num_samples / (time.perf_counter() - start)


def training_speed(model, entry, train):
    """Measure how many samples a second a model of an entry is trained on, by its recipe.

    Companions are not counted: they come along. Steps are made for a second, ten at most;
    the model's weights are other ones afterwards.
    """
    model = balanced(model, entry.recipe.modulation)
    compile_model(model, entry, steps=len(train))
    batches = train
    if entry.recipe.companions is not None:
        batches = Companions(train, entry.model_args.get("class_width", 1.0))
    model.train_on_batch(*batches[0])  # compiles
    samples, start = 0, time.perf_counter()
    for step in range(_STEPS):
        model.train_on_batch(*batches[step % len(batches)])
        samples += len(train[step % len(train)][1])
        seconds = time.perf_counter() - start
        if seconds > _SECONDS:
            break
    return samples / seconds
