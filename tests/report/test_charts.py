"""Numbers as text, ticks, and what is drawn where nothing much is there."""

import math

import numpy as np
import page_reader as reader
import pytest

from kerasfuse.report.bar_chart import bar_chart, interval_chart
from kerasfuse.report.canvas import padded, ticks
from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.matrix_chart import attention_chart, attention_shades, confusion_chart
from kerasfuse.report.numbers import change, measured, short
from kerasfuse.report.scatter_chart import scatter_chart
from kerasfuse.report.sections.attention import _pooled
from kerasfuse.report.sections.outputs import classes, confusion
from kerasfuse.zoo import entry


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (-0.25, "\u22120.25"),
        (1234.5, "1234"),
        (0.012345, "0.0123"),
        (2.5e-7, "2.50e\u221207"),
        (1.5e7, "1.50e+07"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_metrics_have_their_units():
    assert measured("acc7", 0.2766) == "27.7" and measured("mae", 1.1418) == "1.142"
    assert change("f1", 0.05) == "+5.0" and change("mae", -0.1) == "\u22120.100"
    assert change("f1", -0.0001) == "0.0" and change("corr", math.nan) == "-"


SPANS = [(0, 1), (-0.031, 0.27), (1, 10), (998, 1003), (0, 3e-5), (-7, 9e6)]


@pytest.mark.parametrize("span", SPANS)
def test_ticks_are_round_and_inside(span):
    found = ticks(*span)
    assert 4 <= len(found) <= 11 and span[0] <= found[0] and found[-1] <= span[1]
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0])
    digit = steps[0] / 10.0 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert digit == pytest.approx(min((1, 2, 5), key=lambda d: abs(d - digit)))


def test_a_range_is_never_empty():
    for values in ([], [2.0], [0.0, 0.0], [math.nan, 1.0]):
        low, high = padded(values)
        assert low < high


def drawn(chart):
    svg = chart.svg.replace("{id}", "a").replace("{title}", chart.title)
    return reader.read(svg).one("svg")


def test_a_curve_breaks_where_it_is_not_finite():
    series = [Series("one", [1, 2, 3, 4], [0.5, math.nan, 0.7, 0.9], "s0", dots=True)]
    svg = drawn(line_chart("t", "d", series, "epoch", whole_x=True))
    assert svg.one("path", "line").attributes["d"].count("M") == 2
    assert len(svg.all("circle", "dot")) == 3
    (curve,) = reader.curves(svg, "s0")
    np.testing.assert_allclose(curve, [(1, 0.5), (3, 0.7), (4, 0.9)], atol=0.01)


def test_one_epoch_is_a_dot():
    svg = drawn(line_chart("t", "d", [Series("one", [1], [0.5], "s0")], "epoch", whole_x=True))
    assert len(svg.all("circle", "dot")) == 1


def test_names_cannot_break_the_page():
    svg = scatter_chart("t", "d", [0.0, 1.0], [0.5, 0.5], ["<b>", '"&'], "x", "y").svg
    assert "<b>" not in svg and "&lt;b&gt;: label 0, predicted 0.5" in svg


def test_bars_start_at_zero():
    groups = {"text": [("absent", 0.4, "s0")], "audio": [("absent", -0.2, "s0")]}
    svg = drawn(bar_chart("t", "d", groups, "difference"))
    first, second = svg.all("rect", "bar")
    x1, w1 = (float(first.attributes[k]) for k in ("x", "width"))
    x2, w2 = (float(second.attributes[k]) for k in ("x", "width"))
    assert x2 + w2 == pytest.approx(x1, abs=0.11) and w1 == pytest.approx(2 * w2, abs=0.3)
    rows = [("a", 1.0, 0.5, 2.0), ("b", 0.0, -1.0, 1.0)]
    svg = drawn(interval_chart("t", "d", rows, "x", zero=True))
    for node, (_, value, low, high) in zip(svg.all("line", "whisker"), rows, strict=True):
        x1, x2 = (float(node.attributes[k]) for k in ("x1", "x2"))
        dot = float(svg.all("circle")[rows.index((_, value, low, high))].attributes["cx"])
        assert (dot - x1) / (x2 - x1) == pytest.approx((value - low) / (high - low), abs=0.01)


def test_even_attention_is_pale_and_a_peak_is_dark():
    assert attention_shades(np.full((4, 10), 0.1)).max() == 2
    weights = np.zeros((4, 10))
    weights[:, 3] = 1.0
    np.testing.assert_array_equal(attention_shades(weights), 9 * weights.astype(int))
    svg = drawn(attention_chart("t", "d", weights, None, "source", "target"))
    (cells,) = [n for n in svg.all("path", "cell")]
    assert cells.attributes["class"] == "cell h9" and not svg.all("path", "truth")


def test_a_large_map_is_averaged_over_blocks():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(300), size=130)
    found, rows, columns = _pooled(weights)
    assert (rows, columns) == (3, 5) and found.shape == (44, 60)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_allclose(found[0, 0], weights[:3, :5].sum() / 3)
    np.testing.assert_allclose(found[43, 59], weights[129, 295:].sum())
    small, rows, columns = _pooled(weights[:60, :60])
    assert (rows, columns) == (1, 1) and (small == weights[:60, :60]).all()


def test_confusions_of_many_classes():
    recipe = entry("mica_ravdess").recipe
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 8, (50, 1)), rng.normal(size=(50, 8))

    class Kept:
        pass

    Kept.labels, Kept.outputs = labels.astype("float32"), logits
    ((title, true, said, names),) = classes(recipe, Kept)
    counts = confusion(true, said, len(names))
    assert title == "8 classes" and len(names) == 8
    assert counts.sum() == 50 and np.trace(counts) == (logits.argmax(1) == labels[:, 0]).sum()
    assert counts[2, 5] == ((labels[:, 0] == 2) & (logits.argmax(1) == 5)).sum()
    svg = drawn(confusion_chart("t", "d", counts, names))
    assert len(svg.all("rect", "cell")) == 64
    binary = entry("mica_mosi_utterance").recipe
    Kept.labels, Kept.outputs = np.array([[0.0], [1.0], [1.0]]), np.array([[-1.0], [2.0], [-3.0]])
    ((_, true, said, names),) = classes(binary, Kept)
    np.testing.assert_array_equal(confusion(true, said, 2), [[1, 0], [1, 1]])
