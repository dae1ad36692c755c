"""Entries as a table."""

from kerasfuse.entries.definition import Entry
from kerasfuse.tables import markdown, text
from kerasfuse.zoo.scores import score


class Entries(list[Entry]):
    """A list of `Entry` that prints as a table."""

    columns = (
        "name",
        "data",
        "parameters",
        "test score",
        "constant",
        "weights",
        "terms",
    )

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as a list of tuples of text, one a column."""
        return [
            (
                entry.name,
                entry.data_name + (f" (like {entry.data_args['like']})" if entry.simulated else ""),
                f"{entry.parameters:,}" if entry.parameters is not None else "-",
                score(entry),
                score(entry, baseline=True),
                weights_origin(entry),
                entry.weights.license,
            )
            for entry in self
        ]

    def __repr__(self) -> str:
        return text(self.columns, self.rows())

    def markdown(self) -> str:
        """Return the table as markdown, with names in code style."""
        return markdown(self.columns, [(f"`{name}`", *rest) for name, *rest in self.rows()])

    _repr_markdown_ = markdown


def weights_origin(entry):
    """Say what made an entry's weights: real data, simulated data, or nothing that is kept here."""
    none = "not kept" if entry.recorded else "none yet"
    said = {"none": none, "simulated": "SIMULATED data", "real": "real data"}
    return said[entry.weights_kind]
