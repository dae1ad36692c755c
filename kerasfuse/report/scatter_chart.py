"""Dots: predictions against labels of a regression, and one quantity against another."""

from kerasfuse.report.canvas import Canvas, padded
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Chart


def scatter_chart(title, description, x, y, names, x_label, y_label):
    """Draw a dot for each sample, on equal scales, with the line on which both agree."""
    span = padded([*x, *y], 0.04)
    canvas = Canvas(span, span, x_label, y_label, height=340)
    canvas.axes(grid="xy")
    canvas.line(*(f(v) for v in span for f in (canvas.x, canvas.y)), "reference")
    for a, b, name in zip(x, y, names, strict=True):
        tip = f"{name}: label {short(a)}, predicted {short(b)}"
        canvas.dot(canvas.x(a), canvas.y(b), "point s0", tip, 2.6)
    return Chart(title, description, canvas.svg())


def points_chart(title, description, x, y, tips, x_label, y_label):
    """Draw a dot for each pair of numbers, on scales of their own.

    Args:
        title, description: see `Chart`.
        x, y: lists of numbers.
        tips: what is said of each dot.
        x_label, y_label: what the axes show.
    """
    canvas = Canvas(padded(x, 0.06), padded(y, 0.06), x_label, y_label, right=16)
    canvas.axes(grid="xy")
    for a, b, tip in zip(x, y, tips, strict=True):
        canvas.dot(canvas.x(a), canvas.y(b), "point s0", tip, 3)
    return Chart(title, description, canvas.svg())
