"""Suggest the names that somebody may have meant."""

import difflib


def nearest(name, valid):
    """Say which valid names are near `name`, or all of them when none is."""
    valid = sorted(valid)
    close = difflib.get_close_matches(str(name), valid, n=3, cutoff=0.5)
    if close:
        return f"Nearest: {', '.join(close)}."
    return f"Valid: {', '.join(valid) if valid else 'none'}."
