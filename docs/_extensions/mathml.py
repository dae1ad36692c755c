"""Formulas as MathML, which browsers show by themselves: the site loads no script for them.

What a browser needs beside is a font for mathematics. The site brings STIX Two Math, for machines
that have none.
"""

import html
import importlib.util
import pathlib

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset

FONT = pathlib.Path(importlib.util.find_spec("ziamath").origin).with_name("fonts")

logger = logging.getLogger(__name__)
converter = LatexToMathML(fancy_error=False)


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("build-finished", copy_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(writer, node):
    writer.body.append(translate(node, displaystyle=False))
    raise nodes.SkipNode


def block(writer, node):
    writer.body.append(f'<div class="math">{translate(node, displaystyle=True)}</div>\n')
    raise nodes.SkipNode


def translate(node, displaystyle):
    latex = node.astext()
    try:
        return converter.convert_with_local_state(latex, displaystyle=displaystyle)
    except LatexError as error:
        logger.warning("LaTeX that cannot be read: %s, in %r", error, latex, location=node)
        return html.escape(latex)


def copy_font(app, exception):
    if exception is None:
        font = FONT / "STIXTwoMath-Regular.ttf"
        copy_asset(str(font), str(pathlib.Path(app.outdir, "_static")))
