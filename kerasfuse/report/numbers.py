"""Numbers as text."""

import math


def short(value, digits=3):
    """Write a number with few digits and a true minus sign; `-` where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent < 6:
        text = f"{value:.{digits - 1}e}"
    else:
        text = f"{value:.{max(digits - 1 - exponent, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "\u2212")


def in_percent(metric):
    """Whether a metric is a share, which tables show in per cent."""
    return "acc" in metric or "f1" in metric


def scaled(metric, value):
    """Return a metric's value in the unit in which it is drawn and written."""
    return 100 * value if in_percent(metric) else value


def unit(metric):
    """Name a metric with its unit."""
    return f"{metric}, %" if in_percent(metric) else metric


def measured(metric, value):
    """Write a metric's value: shares in per cent with one decimal, others with three."""
    if value is None or not math.isfinite(value):
        return "-"
    text = f"{100 * value:.1f}" if in_percent(metric) else f"{value:.3f}"
    return text.replace("-", "\u2212")


def change(metric, value):
    """Write a difference of a metric, with its sign."""
    text = measured(metric, value)
    if not text.strip("\u22120.-"):
        return text.removeprefix("\u2212")
    return text if text[0] == "\u2212" else f"+{text}"


def lower_is_better(metric):
    """Whether a metric is an error or a loss."""
    return metric.endswith(("loss", "mae"))
