"""The terms of weights: they are those of the data, and who loads them is told, once."""

import warnings

# Of data whose terms the entry that was trained on them does not say.
UNSTATED_TERMS = "ask the data's owners, research use"
# Of files of one's own: whoever trains on them knows, and writes it down before others get them.
OWN_TERMS = "not stated: the terms of the files that it was trained on"

_told: set[str] = set()


class WeightTermsWarning(UserWarning):
    """Weights were loaded whose data have terms of their own, beside those of the code."""


def tell(entry, stacklevel):
    """Warn, the first time in a process, of the terms that an entry's weights carry."""
    if entry.name in _told or entry.simulated or entry.weights.license == OWN_TERMS:
        return
    _told.add(entry.name)
    forbidden = "" if entry.weights.commercial else " Not for commercial use."
    warnings.warn(
        f"the weights of {entry.name} carry the terms of their data ({entry.weights.license})."
        f"{forbidden}",
        WeightTermsWarning,
        stacklevel=stacklevel + 1,
    )
