"""Of which kind an argument is: its default's, which some layers first read while training."""

import inspect
import math

from kerasfuse import layers, models
from kerasfuse.shown import shown


def check_kinds(cls, arguments, path="model"):
    """Refuse arguments of a class of the library that are not of their defaults' kinds.

    True or false is never a number, and numbers are finite; whole numbers start at 1 where the
    default is not 0. A table with a value for each modality passes where all its values do. An
    argument without a default, or whose default is a word or `None`, is its constructor's to check.

    Args:
        cls: class of a model or a layer. Users' own classes pass.
        arguments: dict of its arguments; tables with `class` are checked as those layers.
        path: how messages name the place.

    Raises:
        ValueError: for the first that is of another kind.
    """
    if cls not in vars(models).values() and cls not in vars(layers).values():
        return
    parameters = inspect.signature(cls).parameters
    for key, value in arguments.items():
        default = parameters[key].default if key in parameters else None
        if default is None and value is not None and "dropout" in key:
            default = 0.0
        each = isinstance(value, dict) and "class" not in value and _may_differ(key, default)
        for name, item in value.items() if each else [(None, value)]:
            place = f"{path}.{key}" if name is None else f"{path}.{key}.{name}"
            if isinstance(item, dict) and item.get("class") in layers.__all__:
                nested = {key: value for key, value in item.items() if key != "class"}
                check_kinds(getattr(layers, item["class"]), nested, place)
            elif (kind := _other_kind(item, default)) is not None:
                raise ValueError(
                    f"expected {place} of {cls.__name__} to be {kind}, as its default {default!r} "
                    f"is. Received: {place}={shown(item)}"
                )


def _may_differ(key, default):
    """Whether it may have a value for each modality: widths, dropouts, and what has no kind."""
    return not isinstance(default, bool | float) or "dropout" in key


def _other_kind(value, default):
    """Name the kind that a value is not of; `None` if it is."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, int):
        least = min(default, 1)
        is_whole = type(value) is int and value >= least
        return None if is_whole else f"a whole number from {least}"
    if isinstance(default, float):
        is_finite = type(value) in (int, float) and math.isfinite(value)
        return None if is_finite else "a finite number"
    if isinstance(default, tuple | list):
        return None if isinstance(value, tuple | list) else "a list"
    return None
