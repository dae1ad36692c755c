"""Every notebook runs from top to bottom, as a reader would run it, and is kept for the site."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.notebook
# Of the kernel's own machinery, which lives in another process and another event loop.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path):
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=900, resources=place).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
    assert code and all(cell.execution_count for cell in code)
    executed = ROOT / "build" / "notebooks" / path.name
    executed.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, executed)


def test_there_are_notebooks():
    assert NOTEBOOKS, "expected notebooks/*.ipynb"
