"""Horizontal bars in groups, and values with their intervals."""

from kerasfuse.report.canvas import Canvas, padded
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Chart


def bar_chart(title, description, groups, x_label, written=short):
    """Draw bars from 0, with their values, a group a row.

    Args:
        title, description: see `Chart`.
        groups: dict of group to list of `(label, value, css)`.
        x_label: what the axis shows.
        written: how a value is written.
    """
    bars = [bar for group in groups.values() for bar in group]
    longest = max(map(len, groups))
    size, gap = 15, 14
    height = 56 + sum(size * len(group) + gap for group in groups.values())
    span = padded([value for _, value, _ in bars], 0.22, include=(0.0,))
    canvas = Canvas(span, (0, 1), x_label, height=height, left=14 + 6.4 * longest, right=14, top=8)
    canvas.axes(y_ticks=[], grid="x")
    place = canvas.top + gap / 2
    for name, group in groups.items():
        middle = place + size * len(group) / 2
        canvas.text(canvas.left - 8, middle + 4, name, "name", "end")
        for label, value, css in group:
            x, zero = canvas.x(value), canvas.x(0)
            tip = f"{name}, {label}: {written(value)}"
            canvas.rect(min(x, zero), place + 1.5, abs(x - zero), size - 3, f"bar {css}", tip)
            side, anchor = (5, "start") if value >= 0 else (-5, "end")
            canvas.text(x + side, place + size / 2 + 3.6, written(value), "value", anchor)
            place += size
        place += gap
    canvas.line(canvas.x(0), canvas.top, canvas.x(0), height - canvas.bottom, "axis")
    key = dict.fromkeys((label, f"bar {css}") for label, _, css in bars)
    return Chart(title, description, canvas.svg(), tuple(key))


def interval_chart(title, description, rows, x_label, zero=False):
    """Draw a value and its interval a row.

    Args:
        title, description: see `Chart`.
        rows: list of `(name, value, low, high)`.
        x_label: what the axis shows.
        zero: whether the line at 0, of no difference, is drawn.
    """
    longest = max(len(name) for name, *_ in rows)
    height = 56 + 24 * len(rows)
    ends = [v for _, *values in rows for v in values]
    span = padded(ends, 0.08, include=(0.0,) if zero else ())
    canvas = Canvas(span, (0, 1), x_label, height=height, left=14 + 6.4 * longest, right=14, top=8)
    canvas.axes(y_ticks=[], grid="x")
    if zero:
        canvas.line(canvas.x(0), canvas.top, canvas.x(0), height - canvas.bottom, "axis")
    for i, (name, value, low, high) in enumerate(rows):
        y = canvas.top + 24 * i + 14
        canvas.text(canvas.left - 8, y + 4, name, "name", "end")
        tip = f"{name}: {short(value)}, from {short(low)} to {short(high)}"
        canvas.line(canvas.x(low), y, canvas.x(high), y, "whisker s0")
        canvas.dot(canvas.x(value), y, "dot s0", tip, 4)
    return Chart(title, description, canvas.svg())
