"""What kind of value an argument is, as far as Python would find out too late or never."""

from kerasfuse.shown import shown


def check_names(argument, value):
    """Raise a ValueError unless a value is a list of words, not one word."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(
            f"expected {argument} to be a list of names. Received: {argument}={shown(value)}"
        )


def check_path(argument, value):
    """Raise a ValueError unless a value is the text of a name or path, or a path."""
    if not isinstance(value, str) and not hasattr(value, "__fspath__"):
        raise ValueError(
            f"expected {argument} to be a name or a path. Received: {argument}={shown(value)}"
        )
