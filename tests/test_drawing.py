"""Every figure that the library returns is a picture in a notebook."""

import importlib
import inspect
import pathlib
import pickle
import pkgutil
import re
import types

import numpy as np
import pytest

import kerasfuse
from kerasfuse import analysis, recordings
from kerasfuse.drawing import new_figure
from kerasfuse.recipes.comparison.table import Comparison, Row
from kerasfuse.training.callbacks import ModalityGateHistory, ModulationHistory

pytest.importorskip("matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"
SCORES = {"text": {"mae": -0.25}, "audio": {"mae": 0.0}}


def gate_history():
    history = ModalityGateHistory()
    history.batches, history.epochs = [{"text": [0.4, 0.6]}], {"text": [0.5]}
    history.frozen_epoch = None
    return history.figure()


def modulation_history():
    history = ModulationHistory()
    history.epochs = {"error": {"text": [0.5]}, "coefficient": {"text": [0.9]}}
    return history.figure()


def comparison():
    rows = [
        Row("mult_mosi", {1: 0.7, 2: 0.8}, 10, 10, 1.0, 1.0),
        Row("b", {1: 0.7}, 9, 9, 1.0, 1.0),
    ]
    return Comparison("accuracy", "mosi", rows, {"text": 5}).figure()


def contribution():
    measured = [SCORES, SCORES, {m: {"mae": 0.1} for m in SCORES}, SCORES]
    found = analysis.ModalityContribution({"mae": 1.0}, {"mae": 1.25}, *measured)
    return analysis.modality_contribution_figure(found, "mae")


def recording():
    energy = recordings.Stream(np.zeros((3, 1)), np.arange(3.0), ("energy_db",), "prosody", "1")
    times, influence = np.array([[0.0, 0.5], [0.5, 1.0]]), np.array([0.4, -0.1])
    said = recordings.Utterance(0.0, 1.0, ["so", "$5"], times, np.array([0.3]), influence)
    path = pathlib.Path("clip.wav")
    return recordings.RecordingPrediction(path, [said], energy, None, (), ())


# One row for each public function or method that returns a figure: a call of it.
FIGURES = {
    "kerasfuse.analysis.attention_figure": lambda: analysis.attention_figure(
        {"audio_to_text": np.eye(3)}, {"text": np.arange(3), "audio": np.arange(3)}
    ),
    "kerasfuse.analysis.incongruity_figure": lambda: analysis.incongruity_figure(
        analysis.Incongruity(
            "text",
            {"alone": np.array([[0.2, 0.8]])},
            {"text": np.array([0.5]), "audio": np.array([-0.2])},
            np.array([0.4]),
            np.array([0.3]),
        )
    ),
    "kerasfuse.analysis.modality_contribution_figure": contribution,
    "kerasfuse.analysis.robustness_figure": lambda: analysis.robustness_figure(
        analysis.Robustness({"mae": 1.0}, {"noise": {"text": {0.5: {"mae": 1.25}}}}), "mae"
    ),
    "kerasfuse.recipes.Comparison.figure": comparison,
    "kerasfuse.recordings.RecordingPrediction.figure": lambda: recording().figure(),
    "kerasfuse.recordings.prediction_figure": lambda: recordings.prediction_figure(
        recording(), np.array([[0.2, 0.8]]), ("no", "yes")
    ),
    "kerasfuse.training.callbacks.ModalityGateHistory.figure": gate_history,
    "kerasfuse.training.callbacks.ModulationHistory.figure": modulation_history,
}


def public_callables(package):
    """Yield the name and the object of every public function and method below a package."""
    modules = [package] + [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if module.ispkg
    ]
    for module in modules:
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name)
            if inspect.isfunction(found):
                yield f"{module.__name__}.{name}", found
            elif inspect.isclass(found):
                for method, function in inspect.getmembers(found, inspect.isfunction):
                    if not method.startswith("_") and function.__module__.startswith("kerasfuse"):
                        yield f"{module.__name__}.{name}.{method}", function


def returns_a_figure(name, function):
    _, _, returns = (function.__doc__ or "").partition("Returns:")
    return name.endswith("figure") or "matplotlib.figure.Figure" in returns.partition("Raises:")[0]


def test_every_public_figure_is_in_the_table():
    found = {
        name for name, function in public_callables(kerasfuse) if returns_a_figure(name, function)
    }
    assert found == set(FIGURES), "give FIGURES a call of each"


@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_shows_a_picture(name):
    figure = FIGURES[name]()
    png = figure._repr_png_()
    assert png.startswith(PNG) and len(png) > 2000


def test_a_comparison_is_drawn_in_the_unit_of_its_table():
    axes = comparison().axes[0]
    assert axes.get_xlabel() == "accuracy on the test split of mosi, %"
    assert axes.lines[0].get_xdata() == pytest.approx([70, 80])


def test_equal_lines_all_show():
    history = ModulationHistory()
    history.epochs = {"error": {"a": [0.5], "b": [0.4]}, "coefficient": {"a": [1.0], "b": [1.0]}}
    panels = history.figure().axes
    different, equal = ([line.get_linewidth() for line in axes.lines] for axes in panels)
    assert different[0] == different[1] and equal[0] > equal[1]


def test_figures_are_made_in_one_place():
    package = pathlib.Path(kerasfuse.__file__).parent
    makers = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"import (Figure|pyplot)\b|matplotlib\.pyplot", path.read_text("utf-8"))
    ]
    assert makers == ["drawing.py"], "take kerasfuse.drawing.new_figure"


def test_a_figure_can_be_pickled():
    figure = new_figure("a test", 2.0, 1.0)
    figure.subplots().set_title("A title")
    copy = pickle.loads(pickle.dumps(figure))
    assert type(copy) is type(figure) and copy.axes[0].get_title() == "A title"


def test_ipython_shows_it_once_with_pyplot_and_without():
    formatters = pytest.importorskip("IPython.core.formatters")
    figure = new_figure("a test", 2.0, 1.0)
    figure.subplots()
    formatter = formatters.DisplayFormatter()
    data, _ = formatter.format(figure)
    assert sorted(data) == ["image/png", "text/plain"]
    # What IPython's inline backend does once pyplot is imported.
    from IPython.core.pylabtools import select_figure_formats

    shell = types.SimpleNamespace(display_formatter=formatter)
    select_figure_formats(shell, {"png"})
    data, _ = formatter.format(figure)
    assert sorted(data) == ["image/png", "text/plain"]
