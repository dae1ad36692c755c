"""What a model must be before it is exported."""

import keras

from kerasfuse import backend
from kerasfuse.layers import ModalityGate


def check_backend(wanted, what):
    """Raise a ValueError unless the backend runs that writes a format.

    Args:
        wanted: name of the backend.
        what: name of the format.
    """
    if backend.name() != wanted:
        raise ValueError(
            f"expected the {wanted} backend, which writes {what}. Received: "
            f"{backend.name()!r}. Run it again with KERAS_BACKEND={wanted}: weights are the same."
        )


def check_model(model):
    """Raise a ValueError unless a model has named inputs, and a gate that has made its choice."""
    if not isinstance(model, keras.Model) or not isinstance(getattr(model, "input", None), dict):
        raise ValueError(
            "expected a model of kerasfuse.models, with an input for each modality. "
            f"Received: {type(model).__name__}."
        )
    for layer in model._flatten_layers():
        if isinstance(layer, ModalityGate) and not layer.is_frozen:
            raise ValueError(
                "expected a modality gate that is frozen: what is exported holds one primary "
                f"modality for good. Received: the gate {layer.name!r} of {model.name!r}, still "
                f"learning, at {layer.choice!r}. Train it to the end, or keep that choice by "
                f"model.get_layer({layer.name!r}).freeze()."
            )


def check_not_recurrent(model):
    """Raise a ValueError for a model with a recurrent layer."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.RNN):
            raise ValueError(
                "expected a model without recurrent layers: PyTorch would write them as one node "
                "after the other for each step, and for one number of steps alone. Received: "
                f"{model.name!r} with {layer.name!r}. Export a SavedModel, whose loop takes any "
                "number: KERAS_BACKEND=tensorflow, and a path without a suffix."
            )
