"""Classes of models that are not the library's own, by name."""

import inspect

from kerasfuse.models.parts.fusion_model import FusionModel

REGISTERED: dict[str, type[FusionModel]] = {}


def register(model_class):
    """Let entries, `train` and `compare` name a class of model of your own.

    It is known in this process, to everything that takes the name of a class of `kerasfuse.models`.
    A run folder says its name, so that whoever loads it has to register the class first.

    Args:
        model_class: subclass of `FusionModel` whose constructor takes `modalities`, a dict of name
            to width, and `num_outputs`, and keeps both as attributes.

    Returns:
        The class, so that this is a decorator.

    Raises:
        ValueError: for any other class.

    Example:

    >>> @kerasfuse.models.register
    ... class Mine(kerasfuse.models.LFLSTM):
    ...     pass
    """
    fits = inspect.isclass(model_class) and issubclass(model_class, FusionModel)
    taken = inspect.signature(model_class).parameters if fits else {}
    missing = [name for name in ("modalities", "num_outputs") if name not in taken]
    if not fits or missing:
        raise ValueError(
            "expected a subclass of kerasfuse.models.FusionModel whose constructor takes "
            f"modalities and num_outputs. Received: {model_class!r}"
            + (f" without {' and '.join(missing)}" if fits else "")
        )
    REGISTERED[model_class.__name__] = model_class
    return model_class
