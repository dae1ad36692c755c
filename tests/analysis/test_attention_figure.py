"""The figure's panels, outlines and words."""

import sys

import numpy as np
import pytest

from kerasfuse.analysis import attention_figure
from kerasfuse.analysis.attention_figure import _outline

EVENTS = {
    "text": np.array([-1, 0, 0, 1, -1]),
    "audio": np.array([0, 0, 0, -1, 1, 1, -1, -1]),
    "vision": np.array([-1, -1, 0, 1, 1, 1]),
}


def maps(*names, padding=0, prefix=""):
    rng = np.random.default_rng(0)
    shapes = {
        name: [len(EVENTS[m]) + padding for m in reversed(name.split("_to_"))] for name in names
    }
    return {prefix + name: rng.dirichlet(np.ones(s), t) for name, (t, s) in shapes.items()}


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def test_one_panel_and_colour_bar_for_each_pair(tmp_path):
    names = [f"{s}_to_{t}" for t in EVENTS for s in EVENTS if s != t]
    figure = attention_figure(maps(*sorted(names)), EVENTS, title="One sample")
    assert len(panels(figure)) == 6
    assert len(figure.axes) == 12
    titles = [axes.get_title(loc="left") for axes in panels(figure)]
    # A target a column, whatever the order of the maps.
    rows = ["audio text, text audio, text vision", "vision text, vision audio, audio vision"]
    assert titles == [pair.replace(" ", " \u2192 ") for row in rows for pair in row.split(", ")]
    figure.savefig(tmp_path / "attention.png")
    assert (tmp_path / "attention.png").stat().st_size > 10_000


def test_padding_is_left_out_and_names_of_extract_are_understood():
    attention = maps("audio_to_text", padding=3, prefix="attention/3/")
    attention = {name: weights[None] for name, weights in attention.items()}
    (panel,) = panels(attention_figure(attention, EVENTS))
    assert panel.images[0].get_array().shape == (5, 8)
    assert panel.get_xlabel() == "audio step"


def test_hits_are_counted():
    weights = np.zeros((5, 8))
    weights[1, 0] = weights[2, 6] = weights[3, 5] = 1.0
    (panel,) = panels(attention_figure({"audio_to_text": weights}, EVENTS))
    # Steps 1 and 2 have three partners among eight, step 3 has two.
    assert panel.get_title(loc="right") == "2 of 3 right, 1 by chance"


def test_the_caption_has_the_share_of_all_panels_and_chance():
    weights = np.zeros((5, 8))
    weights[1, 0] = weights[2, 6] = weights[3, 5] = 1.0
    both = {"audio_to_text": weights, "text_to_audio": weights.T}
    figure = attention_figure(both, EVENTS)
    # Of audio, steps 0 to 2 find one of two, steps 4 and 5 the one: 5 of 8 rows with those of text.
    chance = (3 / 8 + 3 / 8 + 2 / 8 + 3 * 2 / 5 + 2 * 1 / 5) / 8
    [key] = figure.legends[0].get_texts()
    correct = 2 + np.sum([weights.T[n].argmax() in (1, 2) for n in range(3)])
    correct += np.sum([weights.T[n].argmax() == 3 for n in (4, 5)])
    shares = f"{correct / 8:.0%} of the rows, by chance in {chance:.0%}"
    assert key.get_text() == (
        f"steps of the same event (truth); the largest weight is there in {shares}"
    )


def test_axes_are_in_seconds_where_rates_are_known():
    rates = {"audio": 4, "text": 2.0}
    figure = attention_figure(maps("audio_to_text", "vision_to_text"), EVENTS, rates=rates)
    figure.canvas.draw()
    audio, vision = panels(figure)
    assert audio.get_xlabel() == "audio in seconds" and audio.get_ylabel() == "text in seconds"
    assert vision.get_xlabel() == "vision step"
    # A tick lies where its second is: step i of 4 a second begins at i / 4 s, which is i - 0.5.
    low, high = sorted(audio.get_xlim())
    ticks = [
        (tick.get_position()[0], float(tick.get_text()))
        for tick in audio.get_xticklabels()
        if low <= tick.get_position()[0] <= high
    ]
    assert len(ticks) >= 3
    np.testing.assert_allclose([(x + 0.5) / 4 for x, _ in ticks], [second for _, second in ticks])


def test_words_name_the_steps_of_text():
    words = ["I", "really", "loved", "it", "though"]
    figure = attention_figure(maps("audio_to_text", "text_to_audio"), EVENTS, words)
    rows, columns = panels(figure)
    assert [label.get_text() for label in rows.get_yticklabels()] == words
    assert [label.get_text() for label in columns.get_xticklabels()] == words


def test_outline_goes_around_the_true_cells():
    cells = np.zeros((3, 4), bool)
    cells[1, 1:3] = True
    segments = {frozenset(segment) for segment in _outline(cells)}
    assert segments == {
        frozenset({(0.5, 0.5), (1.5, 0.5)}),
        frozenset({(1.5, 0.5), (2.5, 0.5)}),
        frozenset({(0.5, 1.5), (1.5, 1.5)}),
        frozenset({(1.5, 1.5), (2.5, 1.5)}),
        frozenset({(0.5, 0.5), (0.5, 1.5)}),
        frozenset({(2.5, 0.5), (2.5, 1.5)}),
    }


def test_attention_to_an_absent_modality_is_drawn():
    events = {"text": EVENTS["text"], "audio": np.array([-1, -1])}
    figure = attention_figure({"audio_to_text": np.zeros((5, 2))}, events)
    figure.canvas.draw()
    events = {"text": EVENTS["text"], "audio": np.array([], int)}
    absent = {"audio_to_text": np.zeros((5, 1)), "text_to_audio": np.zeros((1, 5))}
    figure = attention_figure(absent, events)
    figure.canvas.draw()
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["audio is absent"] * 2


@pytest.mark.parametrize(
    "attention, words, message",
    [
        ({}, None, "at least one map"),
        ({"gate/0/text": np.ones((5, 8))}, None, "SOURCE_to_TARGET. Received: 'gate/0/text'"),
        ({"smell_to_text": np.ones((5, 8))}, None, "events of 'smell'"),
        ({"audio_to_text": np.ones((4, 8))}, None, r"at least \(5, 8\).*shape \(4, 8\)"),
        ({"audio_to_text": np.ones((5, 8))}, ["one"], "5. Received: 1"),
    ],
)
def test_bad_input_is_refused(attention, words, message):
    with pytest.raises(ValueError, match=message):
        attention_figure(attention, EVENTS, words)


@pytest.mark.parametrize("rates", [{"audio": 0}, {"audio": float("nan")}, [4]])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(ValueError, match="expected a (positive number|dict of modality to steps)"):
        attention_figure(maps("audio_to_text"), EVENTS, rates=rates)


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'kerasfuse-zoo\[report\]'"):
        attention_figure(maps("audio_to_text"), EVENTS)
