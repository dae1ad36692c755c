"""Formulas as MathML, which browsers show by themselves: the site loads no script for them."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(writer, node):
    writer.body.append(translate(node, "inline"))
    raise nodes.SkipNode


def block(writer, node):
    writer.body.append(f'<div class="math">{translate(node, "block")}</div>\n')
    raise nodes.SkipNode


def translate(node, display):
    latex = node.astext()
    mathml = convert(latex, display=display)
    if "\\" in mathml:
        # The library passes on a command that it does not know.
        logger.warning("a command of LaTeX that is not known, in %r", latex, location=node)
    return mathml
