"""Load an entry where users of Keras look for it: `Model.from_preset`."""

import os

from kerasfuse.entries.arguments import model_classes
from kerasfuse.models import FusionModel
from kerasfuse.zoo.catalogue import entry
from kerasfuse.zoo.loading import load


def load_preset(
    model_class: type[FusionModel],
    name: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = "default",
) -> FusionModel:
    """Load an entry whose model is of one class, see `load`.

    Args:
        model_class: a class of `kerasfuse.models`; `FusionModel` for any.
        name, weights: see `load`.

    Raises:
        ValueError: for an entry of another class of model, and what `load` raises.
    """
    found = entry(name)
    if not issubclass(model_classes()[found.model_class], model_class):
        raise ValueError(
            f"expected an entry whose model is {model_class.__name__}. Received: name={name!r}, "
            f"whose model is {found.model_class}. Call "
            f"kerasfuse.models.{found.model_class}.from_preset({name!r})."
        )
    return load(name, weights)
