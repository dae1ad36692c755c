"""Save the weights of a model whole or not at all."""

import math

from keras.src.backend.common import global_state
from keras.src.saving import saving_lib

from kerasfuse import atomic

# Bytes that HDF5 takes to describe a layer or an array, at most.
_DESCRIPTION = 4096
# What Keras calls the kinds of objects that it looks for weights in.
_KINDS = ("Functional", "Layer", "Loss", "Metric", "Operation", "Optimizer", "Sequential")


def save_weights(model, path):
    """Write a `.weights.h5` file in place of the one that may be there.

    Room is looked for first: HDF5, when the disk is full, prints a page for every array that it
    holds and ends the process.

    Args:
        model: a built `keras.Model`; the state of its optimizer is saved too, as Keras does.
        path: the file to write.

    Raises:
        OSError: when the folder cannot be written to, and when the disk is full.
    """
    _remember_what_is_left_out()
    with atomic.replacing(path, room=most_bytes(model)) as temporary:
        model.save_weights(temporary)


def _remember_what_is_left_out():
    """Let Keras find what it looks up for each layer: the attributes that are no weights.

    Keras 3.15 keeps them by one name and looks for them by another, and so makes a layer anew for
    each that it saves: a third of the time.
    """
    for kind in _KINDS:
        name = f"saving_attr_skiplist_{kind}"
        if global_state.get_global_attribute(name) is None:
            global_state.set_global_attribute(name, saving_lib.get_attr_skipset(kind))


def most_bytes(model):
    """Return what the file of a model's weights takes at most: up to twice what it will."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer else ())]
    described = len(list(model._flatten_layers())) + len(variables)
    arrays = sum(math.prod(v.shape) * (8 if "64" in v.dtype else 4) for v in variables)
    return arrays + _DESCRIPTION * described
