"""Every notebook runs from top to bottom, as a reader would run it, and shows something."""

import os
import pathlib
import re

import nbformat
import pytest

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Executed copies, which the documentation is built from.
EXECUTED = ROOT / "build" / "notebooks"

PICTURES = {"image/png", "image/svg+xml"}
FEWEST_PICTURES = 2
# Backspaces, escape sequences and returns to the start of a line: what progress bars leave behind.
CONTROL_CHARACTERS = re.compile(r"\x08|\x1b\[|\r(?!\n)")
# A dict with a number in it, alone or at the start of a tuple or list.
DICT_OF_NUMBERS = re.compile(r"[(\[\s]*\{.*:.*\d", re.S)


@pytest.mark.notebook
# Of the kernel's own machinery, which lives in another process and another event loop.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path):
    import nbclient

    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    # A reader has not chosen a backend.
    env = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    nbclient.NotebookClient(notebook, timeout=900, resources=place).execute(env=env)
    EXECUTED.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, EXECUTED / path.name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
    assert code and all(cell.execution_count for cell in code)
    assert not faults(notebook)


def faults(notebook):
    """Return what a reader would miss in an executed notebook, one line for each fault."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    shown = sum(bool(PICTURES & set(output.get("data", ()))) for output in outputs)
    found = []
    if shown < FEWEST_PICTURES:
        found.append(f"expected at least {FEWEST_PICTURES} pictures. Received: {shown}")
    for number, cell in enumerate(cells, start=1):
        where = f"code cell {number} ({cell.source.partition(chr(10))[0]})"
        text = "".join(o.text for o in cell.outputs if o.output_type == "stream")
        if CONTROL_CHARACTERS.search(text):
            found.append(f"{where}: control characters, pass verbose=2 or 0. Received: {text!r}")
        data = cell.outputs[-1].get("data", {}) if cell.outputs else {}
        if set(data) == {"text/plain"} and DICT_OF_NUMBERS.match(data["text/plain"]):
            found.append(f"{where}: a dict of numbers, show a Table. Received: {data}")
    return found


# Both of the library's, and what it prints; rich takes a notebook for no terminal.
BARS = """
from kerasfuse import progress
from kerasfuse.hub import download
for make in (progress.bars, download._progress):
    with make() as bars:
        bars.advance(bars.add_task("work", total=2))
progress.say("a line")
"""


@pytest.mark.notebook
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_progress_bars_leave_nothing_in_a_notebook(tmp_path):
    import nbclient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BARS)])
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [output.get("text") for output in notebook.cells[0].outputs] == ["a line\n"]


def test_there_are_notebooks():
    assert NOTEBOOKS, "expected notebooks/*.ipynb"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def stream(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def result(**data):
    data = {key.replace("_", "/"): value for key, value in data.items()}
    return nbformat.v4.new_output("execute_result", data=data)


def executed(*outputs):
    """A notebook with two pictures and a code cell of these outputs."""
    cells = [[result(image_png="", text_plain="<Figure>")], [result(image_png="")], outputs]
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("show()", outputs=list(cell)) for cell in cells]
    )


@pytest.mark.parametrize(
    "output",
    [
        stream("Epoch 1/2\n4/4 - 1s - 250ms/step - loss: 0.5\r\n"),
        result(text_plain="array([[0.5]])"),
        result(text_plain="'a: {b} 1'"),
        result(text_plain="{'mae': 0.5}", text_markdown="| mae | 0.500 |"),
    ],
    ids=["lines", "array", "text", "table"],
)
def test_a_good_notebook_has_no_fault(output):
    assert faults(executed(output)) == []


@pytest.mark.parametrize("shown", [[], [0]], ids=["none", "one"])
def test_a_notebook_of_few_pictures_is_at_fault(shown):
    notebook = executed()
    notebook.cells = [notebook.cells[i] for i in shown]
    (fault,) = faults(notebook)
    assert f"at least 2 pictures. Received: {len(shown)}" in fault


@pytest.mark.parametrize("text", ["\x08\x08 1/4", "\x1b[1m1/4\x1b[0m", "1/4\r2/4\n"], ids=repr)
def test_what_a_progress_bar_leaves_behind_is_a_fault(text):
    (fault,) = faults(executed(stream("Epoch 1/2\n"), stream(text), result(text_plain="1")))
    assert "code cell 3 (show()): control characters" in fault


@pytest.mark.parametrize(
    "text",
    ["{'mae': 0.5}", "({'text': 300}, 12)", "[{'a': 'b',\n  'value': np.float64(0.5)}]"],
)
def test_a_dict_of_numbers_is_a_fault(text):
    (fault,) = faults(executed(stream("a line\n"), result(text_plain=text)))
    assert "a dict of numbers, show a Table" in fault
