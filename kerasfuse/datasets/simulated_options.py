"""What may be asked of simulated sentiment: sizes, and how strong or damaged each modality is."""

import numpy as np

# Feature widths and length limits of the unaligned files of MulT (Tsai et al., ACL 2019).
WIDTHS = {
    "mosi": {"text": 300, "audio": 5, "vision": 20},
    "mosei": {"text": 300, "audio": 74, "vision": 35},
    "iemocap": {"text": 300, "audio": 74, "vision": 35},
}
LIMITS = {
    "mosi": {"text": 50, "audio": 375, "vision": 500},
    "mosei": {"text": 50, "audio": 500, "vision": 500},
    "iemocap": {"text": 20, "audio": 400, "vision": 500},
}
_TYPICAL_LENGTHS = {"text": 20, "audio": 100, "vision": 80}
# More would take all memory.
_MOST_SAMPLES = 1_000_000
_NUM_SAMPLES = {"train": 2000, "validation": 400, "test": 400}
SPLITS = ("train", "validation", "test")


def checked_sizes(like, num_samples, typical_lengths, data_seed, split):
    """Return the number of samples of a split, and the median length of each modality."""
    if like not in WIDTHS:
        raise ValueError(
            f"expected like to be one of {', '.join(map(repr, WIDTHS))}. Received: like={like!r}"
        )
    if isinstance(num_samples, dict):
        unknown = sorted(set(num_samples) - set(SPLITS))
        if unknown:
            raise ValueError(
                f"expected num_samples to name splits, {SPLITS}. Received: {', '.join(unknown)}"
            )
        num_samples = num_samples.get(split)
    if num_samples is None:
        num_samples = _NUM_SAMPLES[split]
    for name, value, least in (("num_samples", num_samples, 1), ("data_seed", data_seed, 0)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise ValueError(f"expected {name} to be an integer from {least}. Received: {value!r}")
    if num_samples > _MOST_SAMPLES:
        raise ValueError(
            f"expected num_samples of at most {_MOST_SAMPLES:,}. Received: {num_samples:,}"
        )
    typical_lengths = typical_lengths or {}
    _check_modalities("typical_lengths", typical_lengths, WIDTHS[like])
    typical = {}
    for name, limit in LIMITS[like].items():
        typical[name] = typical_lengths.get(name, min(_TYPICAL_LENGTHS[name], limit))
        check_number(f"typical_lengths[{name!r}]", typical[name], 1, limit)
    return int(num_samples), typical


def strengths(imbalance, names):
    """Return dict of modality to the strength of its signal."""
    if not isinstance(imbalance, dict):
        check_number("imbalance", imbalance, 0, 1)
        imbalance = {name: 1 if name == "text" else 1 - imbalance for name in names}
    _check_modalities("imbalance", imbalance, names)
    strength = {name: imbalance.get(name, 1) for name in names}
    for name, value in strength.items():
        check_number(f"imbalance[{name!r}]", value, 0, np.inf)
    if not any(strength.values()):
        raise ValueError("expected a modality of positive strength. Received: imbalance of zeros")
    return strength


def by_modality(argument, value, names, high=1):
    """Return dict of modality to number, of such a dict, 0 where not named, or of one number."""
    if not isinstance(value, dict):
        value = dict.fromkeys(names, value)
    _check_modalities(argument, value, names)
    values = {name: value.get(name, 0.0) for name in names}
    for name, number in values.items():
        check_number(f"{argument} of {name!r}", number, 0, high)
    return values


def _check_modalities(argument, value, names):
    if not isinstance(value, dict) or not set(value) <= set(names):
        raise ValueError(
            f"expected {argument} to be a dict with keys among {', '.join(map(repr, names))}. "
            f"Received: {value!r}"
        )


def check_number(argument, value, low, high):
    """Refuse what is no number in a range."""
    try:
        inside = low <= value <= high and np.isfinite(value)
    except TypeError:
        inside = False
    if not inside:
        raise ValueError(
            f"expected {argument} to be a number between {low} and {high}. Received: {value!r}"
        )
