"""One of several names, with an error that offers the nearest."""

import difflib


def choose(argument, value, choices):
    """Return `value` if it is one of `choices`.

    Raises:
        ValueError: `value` is none of them; the message names the argument, the nearest choice
            and all the others.

    Example:

    >>> choose("reading", "mosi_7", ["mosi_5", "mosi_7"])
    'mosi_7'
    """
    choices = list(choices)
    if value in choices:
        return value
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"`{argument}` expected one of {', '.join(map(repr, choices))}."
        f"{hint} Received: {argument}={value!r}"
    )
