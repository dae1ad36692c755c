"""Read the house's docstrings: indented formulas, tables of Markdown, names in single backticks."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxRole
from sphinx.util.inspect import signature, stringify_signature

SECTION = re.compile(r"[A-Z][A-Za-z ]*:$")
PROPERTIES = {}
NAME = re.compile(r"[A-Za-z_][\w.]*\w")


def setup(app):
    # Before napoleon, which reads the sections at the default of 500.
    app.connect("autodoc-process-docstring", to_restructured_text, priority=400)
    app.connect("autodoc-process-docstring", restore_property, priority=600)
    app.connect("autodoc-process-signature", constructor_signature)
    app.add_role("name", NameRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class NameRole(SphinxRole):
    """Show code, and link it where it is the name of something on the site."""

    def run(self):
        code = nodes.literal(self.rawtext, self.text)
        if not NAME.fullmatch(self.text):
            return [code], []
        link = addnodes.pending_xref(
            self.rawtext,
            code,
            refdomain="py",
            reftype="obj",
            reftarget=self.text,
            refdoc=self.env.docname,
            refwarn=False,
        )
        for key in ("py:module", "py:class"):
            link[key] = self.env.ref_context.get(key)
        return [link], []


def constructor_signature(app, what, name, obj, options, arguments, returns):
    """Show the arguments of `__init__`; the `__new__` of a Keras layer takes anything."""
    if what != "class" or "__init__" not in vars(obj):
        return None
    made = signature(obj.__init__, bound_method=True)
    # The text names the types; a type beside a default that is made each time is misread.
    return stringify_signature(made, show_annotation=False), returns


def to_restructured_text(app, what, name, obj, options, lines):
    """Write what Markdown would show so, blocks and tables, in the markup that Sphinx reads."""
    out, in_sections, in_list, block = [], False, False, None
    for line in lines:
        blank, indented = not line.strip(), line.startswith(" ")
        starts_block = not out or not out[-1].strip()
        if blank:
            block = block if block == "formula" else None
        elif SECTION.match(line):
            in_sections, block = True, None
        elif not indented and block == "formula":
            block = None
        if line == "Example:":
            line = ".. rubric:: Example"
        elif line.startswith("|"):
            if block != "table":
                out += [".. list-table::", "   :header-rows: 1", ""]
                block = "table"
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not set("".join(cells)) <= set("-: "):
                out += [f"   {'*' if not i else ' '} - {cell}" for i, cell in enumerate(cells)]
            continue
        elif not in_sections and not blank:
            if not indented:
                in_list = line.startswith(("- ", "* "))
            elif line.startswith("    ") and starts_block and not in_list and not block:
                out += [".. code-block:: text", ""]
                block = "formula"
        if block != "formula" and not line.lstrip().startswith((">>>", "...")):
            # |x| is a size, not the name of a substitution.
            line = line.replace("|", r"\|")
        out.append(line)
    lines[:] = out
    if what == "property":
        # Napoleon would read what stands before a colon as the property's type.
        PROPERTIES[name] = out
        lines.clear()


def restore_property(app, what, name, obj, options, lines):
    if what == "property":
        lines[:] = PROPERTIES.pop(name)
