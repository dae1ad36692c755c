"""Write the card of each entry of the zoo as a page."""

from kerasfuse import zoo


def write(folder):
    """Write all cards into a folder, in place of what it holds."""
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in zoo.names()}:
        old.unlink()
    for name in zoo.names():
        path, text = folder / f"{name}.md", f"---\norphan: true\n---\n\n{zoo.card(name)}"
        # Sphinx reads again what is newer than its last build.
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
