"""How a metric is read by its name: which way is better, and in which unit it is written."""

import math

_ERRORS = ("loss", "mae", "rmse")
_NO_SHARES = (*_ERRORS, "corr", "spearman", "concordance")


def lower_is_better(name):
    """Whether a metric, `val_` before it or not, is an error or a loss."""
    return name.endswith(_ERRORS)


def mode(name):
    """Return which values are better as callbacks of Keras take it, `"min"` or `"max"`."""
    return "min" if lower_is_better(name) else "max"


def in_percent(name):
    """Whether a metric is a share, which tables show in percent."""
    if name.endswith(_NO_SHARES):  # whatever the name of what is measured
        return False
    return "acc" in name or "f1" in name or name == "ap" or name.endswith("_ap")


def scaled(name, value):
    """Return a metric's value in the unit in which it is drawn and written."""
    return 100 * value if in_percent(name) else value


def format_value(name, value):
    """Write a metric's value: shares in percent with one decimal, others with three.

    Args:
        name: the metric.
        value: a number; `None`, and what is not finite, is written `-`.

    Example:

    >>> format_value("acc7", 0.2766), format_value("mae", 1.1418)
    ('27.7', '1.142')
    """
    if value is None or not math.isfinite(value):
        return "-"
    # As entries record it: 93 of 240 in float32 is a little less than 0.3875, and looked like less.
    value = round(float(value), 6)
    return f"{scaled(name, value):.{1 if in_percent(name) else 3}f}"
