"""Matrices: counts of classes, and attention."""

import numpy as np

from kerasfuse.report.canvas import Canvas
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Chart

_SHADES = 9


def confusion_chart(title, description, counts, names):
    """Draw how often each true class was taken for each class, rows shaded by their shares."""
    counts = np.asarray(counts)
    n = len(counts)
    longest = max(len(name) for name in names)
    left, size = 24 + 6.2 * longest, 360
    canvas = Canvas(
        (0, n), (n, 0), "predicted class", "true class", width=size, height=size, left=left
    )
    middle = [i + 0.5 for i in range(n)]
    canvas.axes(middle, middle, names if longest < 40 / n + 3 else range(n), names, grid="")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for i in range(n):
        for j in range(n):
            shade = round(float(shares[i, j]) * _SHADES)
            x, y = canvas.x(j), canvas.y(i)
            width, height = canvas.x(j + 1) - x, canvas.y(i + 1) - y
            tip = f"true {names[i]}, predicted {names[j]}: {counts[i, j]}"
            canvas.rect(x + 0.5, y + 0.5, width - 1, height - 1, f"cell h{shade}", tip)
            if n <= 12:
                css = "count on" if shade > 5 else "count"
                canvas.text(x + width / 2, y + height / 2 + 4, counts[i, j], css, "middle")
    return Chart(title, description, canvas.svg())


def attention_chart(title, description, weights, outline, x_label, y_label, top=None):
    """Draw an attention map, dark where much attention goes, true pairs outlined.

    Args:
        title, description: see `Chart`.
        weights: array (target steps, source steps).
        outline: boolean array likewise of what truly corresponds, or `None`.
        x_label, y_label: what the axes show.
        top: weight that is drawn darkest; by default 0.995 of the weights lie below it.
    """
    rows, columns = weights.shape
    height = float(np.clip(340 * rows / columns, 90, 340)) + 62
    canvas = Canvas((0, columns), (rows, 0), x_label, y_label, height=height)
    canvas.axes(
        [i + 0.5 for i in _places(columns)],
        [i + 0.5 for i in _places(rows)],
        _places(columns),
        _places(rows),
        grid="",
    )
    shades = attention_shades(weights, top)
    x, y = canvas.x(0), canvas.y(0)
    width, height = canvas.x(columns) - x, canvas.y(rows) - y
    canvas.rect(x, y, width, height, "cell h0", f"highest weight {short(float(weights.max()))}")
    scale = f"translate({x:.1f} {y:.1f}) scale({width / columns:.5f} {height / rows:.5f})"
    for shade in range(1, _SHADES + 1):
        cells = "".join(f"M{j} {i}h1v1h-1z" for i, j in np.argwhere(shades == shade))
        if cells:
            canvas.marks.append(f'<path class="cell h{shade}" transform="{scale}" d="{cells}"/>')
    if outline is not None and outline.any():
        edges = "".join(_edges(outline))
        canvas.marks.append(f'<path class="truth" transform="{scale}" d="{edges}"/>')
    return Chart(title, description, canvas.svg())


def attention_shades(weights, top=None):
    """Return the shade, 0 to 9, of each weight.

    A few peaks must not leave everything else pale, and indifference must not look dark: the
    darkest shade stands for the highest weights but for a few, and never for less than four times
    the even weight.
    """
    if top is None:
        top = max(float(np.quantile(weights, 0.995)), 4.0 / weights.shape[1])
    return np.round(np.clip(weights / top, 0, 1) * _SHADES).astype(int)


def _places(count):
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if count / s <= 8)
    return list(range(0, count, step))


def _edges(cells):
    """Give the borders of cells as pieces of a path."""
    around = np.pad(cells, 1).astype(int)
    for i, j in np.argwhere(np.diff(around, axis=0)[:, 1:-1]):
        yield f"M{j} {i}h1"
    for i, j in np.argwhere(np.diff(around, axis=1)[1:-1]):
        yield f"M{j} {i}v1"
