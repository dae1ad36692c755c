"""Copy the notebooks, as they were executed, among the pages."""

import shutil


def copy(executed, folder):
    """Copy notebooks into a folder of the pages, with links that lead on from there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in executed.glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        # They are written for notebooks/, beside docs/.
        text = text.replace("](../", "](../../").replace("](../../docs/", "](../")
        (folder / path.name).write_text(text, encoding="utf-8")
