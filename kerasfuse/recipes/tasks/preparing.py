"""A model before its first step: units measured, weights of another taken over, layers frozen."""

import fnmatch
import warnings

import numpy as np

from kerasfuse import zoo
from kerasfuse.datasets import Companions
from kerasfuse.models import Scaled
from kerasfuse.nearest_names import nearest
from kerasfuse.training.callbacks import RefreshCompanions


def prepared(entry, train):
    """Build an entry's model as training begins with it.

    Args:
        entry: an `Entry`.
        train: `Batches` of the training split.

    Raises:
        ValueError: for a pattern of frozen layers that no layer fits.
    """
    model = entry.build()
    if entry.recipe.initial_weights is not None:
        with warnings.catch_warnings():
            # Only a beginning: what they come from is no claim about what comes of them.
            warnings.simplefilter("ignore", zoo.SimulatedWeightsWarning)
            zoo.transfer(zoo.load(entry.recipe.initial_weights), model)
    if isinstance(model, Scaled):
        model.adapt(train)
    freeze(model, entry.recipe.frozen)
    return model


def freeze(model, patterns):
    """Freeze the layers whose names fit one of some shell patterns.

    Raises:
        ValueError: for a pattern that fits none.
    """
    inside = model.inner if isinstance(model, Scaled) else model
    layers = {layer.name: layer for layer in inside.layers if layer.weights}
    for pattern in patterns:
        names = fnmatch.filter(layers, pattern)
        if not names:
            raise ValueError(
                "expected frozen to name layers with weights. "
                f"Received: {pattern!r}. {nearest(pattern, layers)}"
            )
        for name in names:
            layers[name].trainable = False


def refresh_companions(entry, train, path=None):
    """Make the callback of an entry whose recipe has `companions`, over those of a split.

    Args:
        entry: an `Entry`.
        train: `Batches` of the training split.
        path: file that keeps the ranking, or `None`.

    Raises:
        ValueError: for samples with more labels than one.
    """
    companions = Companions(train, entry.model_args.get("class_width", 1.0))
    return RefreshCompanions(companions, entry.recipe.companions["refresh"], path)


def weigh_classes(train, recipe):
    """Let all classes of the training split count alike, beside the samples' own weights.

    Args:
        train: `Batches`, which get weights.
        recipe: a `Recipe` with `class_weights`.

    Raises:
        ValueError: for labels that are no classes.
    """
    labels = train.labels.reshape(len(train.labels), -1)
    if labels.shape[1] != 1 or recipe.loss not in (
        "sparse_categorical_crossentropy",
        "binary_crossentropy",
    ):
        raise ValueError(
            "expected class_weights of one class a sample. "
            f"Received: loss={recipe.loss!r}, labels of shape {train.labels.shape[1:]}."
        )
    numbers = labels[:, 0].astype(int)
    counts = np.bincount(numbers)
    present = counts > 0
    weight = np.where(present, len(numbers) / (present.sum() * np.maximum(counts, 1)), 0.0)
    before = 1.0 if train.sample_weight is None else train.sample_weight
    train.sample_weight = before * weight[numbers]
