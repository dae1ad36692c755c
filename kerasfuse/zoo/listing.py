"""Entries as a table."""

from kerasfuse.zoo.scores import score


class Entries(list):
    """A list of `Entry` that prints as a table."""

    columns = ("name", "data", "parameters", "test score", "constant", "weights")

    def rows(self):
        """Return the table as a list of tuples of text, one a column."""
        return [
            (
                entry.name,
                entry.data_name + (f" (like {entry.data_args['like']})" if entry.simulated else ""),
                f"{entry.results['parameters']:,}" if entry.recorded else "-",
                score(entry),
                score(entry, baseline=True),
                weights_origin(entry),
            )
            for entry in self
        ]

    def __repr__(self):
        table = [self.columns, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        )

    def markdown(self):
        """Return the table as markdown, with names in code style."""
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [(f"`{name}`", *rest) for name, *rest in self.rows()]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    _repr_markdown_ = markdown


def weights_origin(entry):
    """Say what made an entry's weights: real data, simulated data, or nothing yet."""
    if not entry.weights.file:
        return "none yet"
    return "SIMULATED data" if entry.simulated else "real data"
