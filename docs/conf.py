"""Settings of the documentation site. `make docs` builds it into build/docs."""

import os
import pathlib
import shutil
import sys

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_extensions")]
# The site describes what is the same on every backend; torch is the default one.
os.environ.setdefault("KERAS_BACKEND", "torch")

import api_pages  # noqa: E402
import zoo_cards  # noqa: E402

import kerasfuse  # noqa: E402

project = "kerasfuse"
author = "the kerasfuse authors"
version = release = kerasfuse.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docstrings",
    "links",
    "mathml",
    "short_cells",
]
exclude_patterns = ["_*"]
# A reference that is written out must lead somewhere. Names in docstrings may be of anything.
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj|py:exc", ".*"),
    # Types of annotated attributes: of other libraries, and of classes that are not public.
    (
        "py:class",
        r"(numpy|pathlib|collections|kerasfuse\.entries)\..*|kerasfuse\..*\.(Records|Row)",
    ),
]

# Markdown: the pages and, executed by `make notebooks` before, the notebooks.
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_render_markdown_format = "myst"

# Docstrings: what a class inherits from Keras is Keras' to describe.
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
autosummary_generate = False
default_role = "name"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Call arguments", "params_style")]
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"kerasfuse {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_math_renderer = "mathml"

# Written at every build: a new public name, entry or notebook has its page without another line.
api_pages.write(DOCS / "api")
zoo_cards.write(DOCS / "cards")
shutil.rmtree(DOCS / "notebooks", ignore_errors=True)
shutil.copytree(ROOT / "build" / "notebooks", DOCS / "notebooks")
