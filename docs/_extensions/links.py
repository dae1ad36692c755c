"""Link names in code style: an entry of the zoo to its card, a public name to its reference."""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from kerasfuse import zoo


def setup(app):
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class LinkNames(SphinxTransform):
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
