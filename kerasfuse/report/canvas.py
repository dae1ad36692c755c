"""Charts as inline SVG: a frame with axes, to which marks are added.

Colours, strokes and fonts are the page's style sheet's, by class, so that a chart follows light and
dark. Series n has class `s<n>`; sizes are in the units of the view box, about a pixel.
"""

import html
import math

from kerasfuse.report.numbers import short

WIDTH, HEIGHT = 360, 236


def ticks(low, high, count=5):
    """Choose about `count` round numbers, 1, 2 or 5 times a power of ten apart, within a range.

    Example:

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    power = 10.0 ** math.floor(math.log10(high - low))
    for factor in (1, 0.5, 0.2, 0.1, 0.05):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 >= count - 1:
            break
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def padded(values, share=0.06, include=()):
    """Return a range a little wider than some numbers; never empty."""
    finite = [v for v in [*values, *include] if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    margin = share * (high - low) or max(abs(high), 1.0) * share
    return low - margin, high + margin


class Canvas:
    """Collect the marks of a chart over two linear scales.

    Args:
        x, y: ranges `(low, high)`.
        x_label, y_label: what the axes show, with units; empty for none.
        width, height: size of the view box.
        left, right, top, bottom: margins.
    """

    def __init__(
        self,
        x,
        y,
        x_label="",
        y_label="",
        width=WIDTH,
        height=HEIGHT,
        left=46,
        right=12,
        top=22,
        bottom=40,
    ):
        self.x_range, self.y_range = x, y
        self.x_label, self.y_label = x_label, y_label
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.marks = []

    def x(self, value):
        """Return the place of a value on the horizontal axis."""
        low, high = self.x_range
        inner = self.width - self.left - self.right
        return self.left + (value - low) / (high - low) * inner

    def y(self, value):
        """Return the place of a value on the vertical axis, counted from the top."""
        low, high = self.y_range
        inner = self.height - self.top - self.bottom
        return self.height - self.bottom - (value - low) / (high - low) * inner

    def line(self, x1, y1, x2, y2, css):
        self.marks.append(
            f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        )

    def text(self, x, y, text, css="", anchor="start"):
        self.marks.append(
            f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{html.escape(str(text))}</text>"
        )

    def rect(self, x, y, width, height, css, tip=""):
        self.marks.append(
            f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}">{_tip(tip)}</rect>'
        )

    def dot(self, x, y, css, tip="", radius=3.0):
        self.marks.append(
            f'<circle class="{css}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">{_tip(tip)}</circle>'
        )

    def path(self, points, css):
        """Draw a line through points of the data; it breaks where one is not finite."""
        pen, steps = "M", []
        for a, b in points:
            if not (math.isfinite(a) and math.isfinite(b)):
                pen = "M"
                continue
            steps.append(f"{pen}{self.x(a):.1f} {self.y(b):.1f}")
            pen = "L"
        if steps:
            self.marks.append(f'<path class="{css}" d="{"".join(steps)}"/>')

    def axes(self, x_ticks=None, y_ticks=None, x_names=None, y_names=None, grid="y"):
        """Draw ticks, grid and labels; names take the place of numbers at the ticks."""
        bottom, right = self.height - self.bottom, self.width - self.right
        x_ticks = ticks(*self.x_range) if x_ticks is None else x_ticks
        y_ticks = ticks(*self.y_range, 4) if y_ticks is None else y_ticks
        for i, value in enumerate(x_ticks):
            if "x" in grid:
                self.line(self.x(value), self.top, self.x(value), bottom, "grid")
            name = x_names[i] if x_names else short(value)
            self.text(self.x(value), bottom + 15, name, "tick", "middle")
        for i, value in enumerate(y_ticks):
            if "y" in grid:
                self.line(self.left, self.y(value), right, self.y(value), "grid")
            name = y_names[i] if y_names else short(value)
            self.text(self.left - 7, self.y(value) + 3.8, name, "tick", "end")
        if "y" in grid and not y_names:
            self.line(self.left, bottom, right, bottom, "axis")
        if self.x_label:
            middle = (self.left + right) / 2
            self.text(middle, self.height - 6, self.x_label, "label", "middle")
        if self.y_label:
            self.text(0, 11, self.y_label, "label")

    def svg(self):
        """Return the element; `page` fills in the places of its title and description."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            'aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{title}</title>'
            '<desc id="{id}-desc">{desc}</desc>' + "".join(self.marks) + "</svg>"
        )


def _tip(text):
    return f"<title>{html.escape(text)}</title>" if text else ""
