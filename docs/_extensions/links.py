"""Links of the pages: names in code style lead to their page, as do files beside docs/."""

import pathlib
import posixpath
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from kerasfuse import zoo

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
# What the site shows of the files beside docs/. Links to other files lead to a copy of them.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "results/benchmarks.md",
}


def setup(app):
    app.connect("source-read", lead_to_pages)
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def lead_to_pages(app, docname, source):
    """Change links that are written for the repository into those of the site."""
    folder = posixpath.dirname(docname)
    # The notebooks are written for notebooks/, beside docs/.
    written_in = "notebooks" if folder == "notebooks" else posixpath.join("docs", folder)

    def moved(link):
        path = posixpath.normpath(posixpath.join(written_in, link[0]))
        if path.startswith("docs/"):
            page = path.removeprefix("docs/")
        elif path.startswith("notebooks/"):
            page = path
        else:
            page = PAGES.get(path, f"../{path}")
        return posixpath.relpath(page, folder or ".")

    if pathlib.Path(app.env.doc2path(docname)).suffix in (".md", ".ipynb"):
        source[0] = LINK.sub(moved, source[0])


class LinkNames(SphinxTransform):
    """Link an entry of the zoo to its card, and a public name to its reference."""

    # Before references are resolved.
    default_priority = 5

    def apply(self):
        entries = set(zoo.names())
        for code in list(self.document.findall(nodes.literal)):
            name = code.astext()
            if isinstance(code.parent, nodes.reference | addnodes.pending_xref | nodes.title):
                continue
            if name in entries:
                domain, kind, target = "std", "doc", f"/cards/{name}"
            elif name.startswith("kerasfuse."):
                domain, kind, target = "py", "obj", name.partition("(")[0]
            else:
                continue
            if target == f"/{self.env.docname}":
                continue
            link = addnodes.pending_xref(
                "",
                refdomain=domain,
                reftype=kind,
                reftarget=target,
                refdoc=self.env.docname,
                refexplicit=True,
                refwarn=False,
            )
            code.replace_self(link)
            link += code
