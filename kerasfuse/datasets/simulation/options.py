"""What may be asked of simulated sentiment: sizes, and how strong or damaged each modality is."""

import numpy as np

from kerasfuse.shown import shown

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
# Of the clock: words of fast speech, and the rates of CMU-MOSEI's features (MulT, appendix). With
# these settings MICA without its losses, 200,000 parameters, predicts with a correlation of 0.9
# after 5 passes over 16,000 samples; words then attend to the right event half of the time.
_RATES = {"text": 4.0, "audio": 20.0, "vision": 15.0}
_DURATION = 2.5
NOISE = {"clock": 0.1, "codes": 0.5}
# The longest clip is this many times the typical one.
LONGEST = 1.3
# More would take all memory.
_MOST_SAMPLES, _MOST_IDENTITY = 1_000_000, 1_000
_NUM_SAMPLES = {"train": 2000, "validation": 400, "test": 400}
SPLITS = ("train", "validation", "test")
# What only one of the worlds has.
OPTIONS = {
    "clock": ("duration", "rates", "lag", "num_events", "identity_dim"),
    "codes": ("typical_lengths",),
}


def checked_sizes(like, num_samples, data_seed, split):
    """Return the number of samples of a split."""
    if not isinstance(like, str) or like not in WIDTHS:
        raise ValueError(
            f"expected like to be one of {', '.join(map(repr, WIDTHS))}. "
            f"Received: like={shown(like)}"
        )
    if isinstance(num_samples, dict):
        unknown = sorted(set(num_samples) - set(SPLITS))
        if unknown or not num_samples:
            raise ValueError(
                f"expected num_samples to name splits, {SPLITS}. "
                f"Received: {', '.join(unknown) or 'none'}"
            )
        num_samples = num_samples.get(split)
    if num_samples is None:
        num_samples = _NUM_SAMPLES[split]
    check_integer("num_samples", num_samples, 1)
    check_integer("data_seed", data_seed, 0)
    if num_samples > _MOST_SAMPLES:
        raise ValueError(
            f"expected num_samples of at most {_MOST_SAMPLES:,}. Received: {num_samples:,}"
        )
    return int(num_samples)


def checked_world(world, options):
    """Return the options that were given, after a check that they are of the chosen world.

    Args:
        world: its name.
        options: dict of option to value, `None` where it was not given.
    """
    if not isinstance(world, str) or world not in OPTIONS:
        raise ValueError(
            f"expected world to be one of {', '.join(map(repr, OPTIONS))}. Received: {shown(world)}"
        )
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in OPTIONS[world]:
            [other] = (w for w, names in OPTIONS.items() if name in names)
            raise ValueError(
                f"expected options of world={world!r}: {', '.join(OPTIONS[world])}. {name} belongs "
                f"to world={other!r}; name that world, or leave the option out. Received: "
                f"{name}={value!r}"
            )
    return given


def checked_lengths(like, typical_lengths=None):
    """Return the median length of each modality in the world of codes."""
    typical_lengths = typical_lengths or {}
    _check_modalities("typical_lengths", typical_lengths, WIDTHS[like])
    typical = {}
    for name, limit in LIMITS[like].items():
        typical[name] = typical_lengths.get(name, min(_TYPICAL_LENGTHS[name], limit))
        check_number(f"typical_lengths[{name!r}]", typical[name], 1, limit)
    return typical


def checked_clock(like, duration=_DURATION, rates=None, lag=0.1, num_events=(3, 4), identity_dim=4):
    """Return the options of the world with a clock, complete."""
    rates = rates or {}
    _check_modalities("rates", rates, WIDTHS[like])
    rates = {name: rates.get(name, rate) for name, rate in _RATES.items()}
    for name, rate in rates.items():
        check_number(f"rates[{name!r}]", rate, 0.1, 1000)
    check_number("duration", duration, 1.0 / min(rates.values()), 3600)
    for name, rate in rates.items():
        longest = LONGEST * duration * rate
        if longest > LIMITS[like][name]:
            raise ValueError(
                f"expected clips of at most {LIMITS[like][name]} steps of {name}, as like={like!r} "
                f"has it. Received: duration={duration:g} and {rate:g} steps a second, which come "
                f"to {longest:.0f} in the longest clip"
            )
    check_number("lag", lag, 0, 10)
    if not isinstance(num_events, list | tuple) or len(num_events) != 2:
        raise ValueError(
            f"expected num_events to be two numbers, least and most. Received: {num_events!r}"
        )
    least, most = num_events
    check_integer("num_events[0]", least, 1)
    check_integer("num_events[1]", most, least)
    check_integer("identity_dim", identity_dim, 1, _MOST_IDENTITY)
    return {
        "duration": float(duration),
        "rates": rates,
        "lag": float(lag),
        "num_events": (int(least), int(most)),
        "identity_dim": int(identity_dim),
    }


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


def check_integer(argument, value, least, most=None):
    """Refuse what is no integer from `least`, and to `most` where there is such a number."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        upto = "" if most is None else f" to {most:,}"
        raise ValueError(
            f"expected {argument} to be an integer from {least}{upto}. Received: {shown(value)}"
        )


def in_order(by_modality):
    """Give a dict of numbers as one text, however it was written."""
    return sorted((name, float(value)) for name, value in by_modality.items())


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
