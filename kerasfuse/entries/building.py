"""From a class and its arguments to a model: of a size that fits, or with a sentence why not."""

from kerasfuse import backend
from kerasfuse.shown import shortened, shown

# What no model needs, and what a machine may not have.
_MOST = 1_000_000
_MOST_LAYERS = 256
_MOST_PARAMETERS = 500_000_000
# Below these no model is large, and its parameters need not be counted before it is made.
_SMALL, _FEW_LAYERS = 512, 16
_TOO_LARGE = "Give it smaller widths or fewer layers."


def build(model_class, arguments):
    """Build a model.

    Args:
        model_class: the class.
        arguments: dict of its arguments.

    Raises:
        ValueError: for arguments that no such model can be made with, and for sizes that would
            take the memory of the machine.
    """
    name = model_class.__name__
    sizes = list(_sizes(arguments))
    for place, value in sizes:
        most = _MOST_LAYERS if _is_layers(place) else _MOST
        if value > most:
            raise ValueError(
                f"expected {place} of {name} to be at most {most:,}. Received: "
                f"{place}={shown(value)}. {_TOO_LARGE}"
            )
    try:
        if any(value > (_FEW_LAYERS if _is_layers(place) else _SMALL) for place, value in sizes):
            _check_parameters(model_class, arguments)
        return model_class(**arguments)
    except (ImportError, OSError):
        raise
    except Exception as error:  # a wrong argument can raise almost anything
        if isinstance(error, ValueError) and str(error).startswith("expected "):
            raise
        raise ValueError(
            f"expected arguments that a model {name} can be made with. Received: "
            f"{_listed(arguments)} ({_first_line(error)})"
        ) from error


def _sizes(arguments, path=""):
    """Yield the whole numbers among arguments, with their names; those of presets are their own."""
    for key, value in arguments.items():
        place = f"{path}.{key}" if path else str(key)
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, dict) and key != "text_encoder":
                yield from _sizes(item, place)
            elif type(item) is int:
                yield place, item


def _is_layers(place):
    return place.rpartition(".")[2].endswith("layers")


def _check_parameters(model_class, arguments):
    with backend.without_memory() as counts:
        count = model_class(**arguments).count_params() if counts else 0
    if count > _MOST_PARAMETERS:
        raise ValueError(
            f"expected a model of at most {_MOST_PARAMETERS:,} parameters. Received: "
            f"{model_class.__name__} with {count:,}. {_TOO_LARGE}"
        )


def _listed(arguments):
    """Name the arguments, those of modalities last: they are seldom what is wrong."""
    names = sorted(arguments, key=lambda name: name == "modalities")
    return shortened(", ".join(f"{name}={shown(arguments[name])}" for name in names))


def _first_line(error):
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return shortened(lines[0])
