"""What an entry quotes: where its model was published, and figures that were printed of it."""

import dataclasses
import re

from kerasfuse.shown import shown


@dataclasses.dataclass(frozen=True)
class Citation:
    """Say where a model was published, so that it can be cited.

    Args:
        authors: list of full names, in the order of the paper.
        title: the paper's.
        venue: the conference or journal.
        year: of publication; `None` for a manuscript that has none.
    """

    authors: list[str]
    title: str
    venue: str
    year: int | None = None

    def __post_init__(self):
        names = self.authors
        if not isinstance(names, list) or not names or any(type(n) is not str for n in names):
            raise ValueError(
                "expected citation.authors to be a list of names. Received: "
                f"authors={shown(names)}."
            )
        for field in ("title", "venue"):
            if not isinstance(getattr(self, field), str) or not getattr(self, field):
                raise ValueError(
                    f"expected citation.{field} in quotes. "
                    f"Received: {field}={shown(getattr(self, field))}."
                )
        if self.year is not None and type(self.year) is not int:
            raise ValueError(
                f"expected citation.year as a number. Received: year={shown(self.year)}."
            )

    def bibtex(self) -> str:
        """Return the citation as a BibTeX entry."""
        surname = re.sub(r"\W", "", self.authors[0].split()[-1].lower())
        word = next(w for w in re.findall(r"\w+", self.title.lower()) if len(w) > 3)
        fields = {"author": " and ".join(self.authors), "title": f"{{{self.title}}}"}
        kind = "inproceedings" if self.year else "unpublished"
        fields["booktitle" if self.year else "note"] = self.venue
        if self.year:
            fields["year"] = str(self.year)
        lines = [f"  {key} = {{{value}}}," for key, value in fields.items()]
        return "\n".join([f"@{kind}{{{surname}{self.year or ''}{word},", *lines, "}"])


@dataclasses.dataclass(frozen=True)
class Published:
    """Quote one figure from a paper, on the same data and split.

    Args:
        model: whose figure it is.
        metric: the name of our metric that measures the same.
        value: the figure, in the unit of our metric.
        note: what a reader must know before comparing.
    """

    model: str
    metric: str
    value: float
    note: str = ""

    def __post_init__(self):
        if type(self.value) not in (int, float):
            raise ValueError(
                f"expected published.value to be a number. Received: value={shown(self.value)}."
            )
