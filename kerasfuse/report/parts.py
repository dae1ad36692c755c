"""What a section of the page is made of."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Text:
    """One paragraph."""

    text: str


@dataclasses.dataclass(frozen=True)
class Heading:
    """A heading inside a section: the run that what follows is about, for instance."""

    text: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading.

    Args:
        caption: what it shows.
        columns: headings.
        rows: list of rows of text.
        notes: lines below it.
        folded: whether it is shown on request only: the numbers of a chart, for instance.
    """

    caption: str
    columns: tuple
    rows: list
    notes: tuple = ()
    folded: bool = False


@dataclasses.dataclass(frozen=True)
class Chart:
    """A picture.

    Args:
        title: short name, shown above it.
        description: what it shows, in words, for those who do not see it.
        svg: `<svg>` element, see `kerasfuse.report.canvas`.
        key: list of `(label, class)`, what the lines and bars stand for.
        folded: title of what is opened to see it, with its neighbours; empty for at once.
    """

    title: str
    description: str
    svg: str
    key: tuple = ()
    folded: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        name: its anchor.
        title: its heading.
        lead: what it shows and how it is to be read, one or two sentences.
        parts: list of `Text`, `Heading`, `Table`, `Chart`.
    """

    name: str
    title: str
    lead: str
    parts: list
