"""One name among several, and what somebody may have meant who wrote another."""

import difflib

from kerasfuse.shown import shown

# Of more names, the first are shown.
_MANY = 20


def close_to(name, valid):
    """Return the valid names that are near `name`, at most three, the nearest first."""
    return difflib.get_close_matches(str(name), sorted(valid), n=3, cutoff=0.5)


def nearest(name, valid):
    """Say which valid names are near `name`, or, when none is, which there are."""
    if close := close_to(name, valid):
        return f"Nearest: {', '.join(close)}."
    names = sorted(valid)
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return f"Valid: {', '.join(names[:_MANY]) or 'none'}{more}."


def choose(argument, value, choices):
    """Return `value` if it is one of `choices`.

    Args:
        argument: what the value is given for, to name it in the error.
        value: the name to look up.
        choices: the names that are valid, in the order in which the error lists them.

    Raises:
        ValueError: `value` is none of them; the message lists all and says which are near.

    Example:

    >>> choose("split", "test", ["train", "validation", "test"])
    'test'
    """
    choices = list(choices)
    if value in choices:
        return value
    hint = f" {nearest(value, choices)}" if close_to(value, choices) else ""
    raise ValueError(
        f"expected {argument} to be one of {', '.join(choices)}. "
        f"Received: {argument}={shown(value)}.{hint}"
    )
