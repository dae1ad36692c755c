"""Mark the short cells of tables, which the style sheet keeps on one line."""

from docutils import nodes
from sphinx.transforms import SphinxTransform


def setup(app):
    app.add_transform(MarkShortCells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class MarkShortCells(SphinxTransform):
    default_priority = 500

    def apply(self):
        for cell in self.document.findall(nodes.entry):
            if len(cell.astext()) < 32:
                cell["classes"].append("short")
