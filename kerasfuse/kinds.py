"""What kind of value an argument is, as far as Python would find out too late or never."""

import numpy as np

from kerasfuse.shown import shown


def check_switch(argument, value):
    """Raise a ValueError unless a value is true or false."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"expected {argument} to be True or False. Received: {argument}={shown(value)}"
        )


def check_count(argument, value):
    """Raise a ValueError unless a value is a whole number from 1."""
    if type(value) is not int or value < 1:
        raise ValueError(
            f"expected {argument} to be a whole number from 1. Received: {argument}={shown(value)}"
        )


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
