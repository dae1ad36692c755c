"""Curves over epochs or levels."""

import dataclasses
import math

from kerasfuse.report.canvas import Canvas, padded, ticks
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Chart


@dataclasses.dataclass(frozen=True)
class Series:
    """One curve.

    Args:
        label: what it is, the same for curves that are of one kind.
        x, y: lists of numbers.
        css: its classes, `s0` for instance, with `thin`, `dashed` or `dotted`.
        dots: whether each point is marked.
        mark: index of one point that is marked, and what it is: `(index, text)`.
    """

    label: str
    x: list
    y: list
    css: str
    dots: bool = False
    mark: tuple | None = None


def line_chart(title, description, series, x_label, y_label="", whole_x=False, y_range=None):
    """Draw curves over common axes.

    Args:
        title, description: see `Chart`.
        series: list of `Series`.
        x_label, y_label: what the axes show.
        whole_x: whether ticks of x are whole numbers only.
        y_range: the range of y, by default that of the curves.
    """
    xs = [v for each in series for v in each.x]
    ys = [v for each in series for v in each.y]
    low, high = min(xs), max(xs)
    x_range = (low, high) if high > low else (low - 0.5, high + 0.5)
    canvas = Canvas(x_range, y_range or padded(ys), x_label, y_label, right=16)
    at = ticks(*x_range, 6)
    if whole_x:
        at = [v for v in at if v == int(v) and v >= low]
    canvas.axes(x_ticks=at or [low])
    for each in series:
        canvas.path(zip(each.x, each.y, strict=True), f"line {each.css}")
        colour = each.css.split()[0]
        if each.dots or len(each.x) == 1:
            for a, b in zip(each.x, each.y, strict=True):
                if math.isfinite(b):
                    tip = f"{each.label}: {short(b)} at {short(a)}"
                    canvas.dot(canvas.x(a), canvas.y(b), f"dot {colour}", tip, 2.4)
        if each.mark is not None:
            index, text = each.mark
            place = canvas.x(each.x[index]), canvas.y(each.y[index])
            canvas.dot(*place, f"ring {colour}", text, 4.2)
    key = dict.fromkeys((each.label, _stroke_of_key(each.css)) for each in series)
    return Chart(title, description, canvas.svg(), tuple(key))


def _stroke_of_key(css):
    return " ".join(["line", *(name for name in css.split() if name not in ("thin", "faint"))])
