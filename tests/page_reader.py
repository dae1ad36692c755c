"""Read a report page as a browser would, and charts back into numbers."""

import dataclasses
import html.parser
import re

import numpy as np

VOID = {"meta", "br", "img", "link", "input", "hr"}


@dataclasses.dataclass
class Node:
    """An element: its tag, attributes, children and the text in between."""

    tag: str
    attributes: dict
    parent: "Node | None" = None
    children: list = dataclasses.field(default_factory=list)

    def all(self, tag=None, css=None):
        """Return all elements below of a tag, and of a class."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                classes = (child.attributes.get("class") or "").split()
                if tag in (None, child.tag) and (css is None or css in classes):
                    found.append(child)
                found += child.all(tag, css)
        return found

    def one(self, tag=None, css=None):
        (found,) = self.all(tag, css)
        return found

    @property
    def text(self):
        """All text below, blanks made single."""
        parts = [c.text if isinstance(c, Node) else c for c in self.children]
        return re.sub(r"\s+", " ", " ".join(parts)).strip()


class _Builder(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.open = Node("root", {})

    def handle_starttag(self, tag, attributes):
        node = Node(tag, dict(attributes), self.open)
        self.open.children.append(node)
        if tag not in VOID:
            self.open = node

    def handle_startendtag(self, tag, attributes):
        self.open.children.append(Node(tag, dict(attributes), self.open))

    def handle_endtag(self, tag):
        if self.open.tag != tag:
            raise ValueError(f"</{tag}> closes <{self.open.tag}>")
        self.open = self.open.parent

    def handle_data(self, data):
        self.open.children.append(data)


def read(text):
    """Parse a page; raise `ValueError` where a tag is not closed or not the one that is open."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    if builder.open is not builder.root:
        raise ValueError(f"<{builder.open.tag}> is never closed")
    return builder.root


def table(node):
    """Return the cells of a table: heading row first."""
    return [[cell.text for cell in row.all("th") + row.all("td")] for row in node.all("tr")]


def tables(section):
    """Return caption -> cells of all tables of a section."""
    return {node.one("caption").text: table(node) for node in section.all("table")}


def number(text):
    return float(text.replace("\u2212", "-").replace("+", "").replace(",", ""))


def chart(section, title):
    """Return the one `<svg>` whose `<title>` is `title`."""
    found = [s for s in section.all("svg") if s.all("title") and s.all("title")[0].text == title]
    (svg,) = found
    return svg


def scales(svg):
    """Return two functions from places to values, read off the numbers at the axes."""
    places = {"x": [], "y": []}
    for node in svg.all("text", "tick"):
        axis = "x" if node.attributes["text-anchor"] == "middle" else "y"
        shift = 3.8 if axis == "y" else 0.0
        places[axis].append((float(node.attributes[axis]) - shift, number(node.text)))
    return [np.poly1d(np.polyfit(*zip(*places[axis], strict=True), 1)) for axis in "xy"]


def dots(svg, css):
    """Return the data (n, 2) of all circles of a class."""
    x, y = scales(svg)
    return np.array(
        [
            (x(float(node.attributes["cx"])), y(float(node.attributes["cy"])))
            for node in svg.all("circle", css)
        ]
    )


def curves(svg, css):
    """Return a list of the data (n, 2) of every line of a class."""
    x, y = scales(svg)
    found = []
    for node in svg.all("path", css):
        points = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", node.attributes["d"])
        found.append(np.array([(x(float(a)), y(float(b))) for a, b in points]))
    return found


def precision(svg):
    """Return the values that a tenth of a unit of the chart stands for, in x and y, and a half."""
    return [1.5 * abs(scale(0.1) - scale(0.0)) for scale in scales(svg)]
