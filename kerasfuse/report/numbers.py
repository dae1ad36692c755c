"""Numbers as text."""

import math

from kerasfuse.metrics.conventions import format_value, in_percent


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
    return with_minus(text)


def unit(metric):
    """Name a metric with its unit."""
    return f"{metric}, %" if in_percent(metric) else metric


def measured(metric, value):
    """Write a metric's value with a true minus sign; `-` where there is none."""
    return with_minus(format_value(metric, value))


def with_minus(text):
    """Give numbers in a text a true minus sign; `-` alone stands for no number."""
    return text if text == "-" else text.replace("-", "\u2212")


def change(metric, value):
    """Write a difference of a metric, with its sign."""
    text = measured(metric, value)
    if not text.strip("\u22120.-"):
        return text.removeprefix("\u2212")
    return text if text[0] == "\u2212" else f"+{text}"
