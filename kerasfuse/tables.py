"""Numbers as tables: text for the terminal, markdown for pages and notebooks."""

import numbers
from collections.abc import Mapping


class Table:
    """Values under headings; prints as text, and a notebook shows it as a table.

    Columns of numbers are aligned on the right. Floats have three decimals, whole numbers have
    commas at the thousands, and a value that is missing or `None` is `-`.

    Args:
        found: dict of column to dict of row to value, as pandas reads it; or list of rows, each a
            dict of column to value.

    Raises:
        TypeError: for anything else.
        ValueError: for no row.

    Example:

    >>> from kerasfuse.analysis import Table
    >>> Table({"model": {"mae": 0.7125, "corr": 0.66}, "constant": {"mae": 1.4}})
          model  constant
    mae   0.713     1.400
    corr  0.660         -
    """

    def __init__(self, found):
        by_column = isinstance(found, Mapping)
        given = list(found.values()) if by_column else found
        if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
            raise TypeError(
                "expected a dict of column to dict of row to value, or a list of rows, each a dict "
                f"of column to value. Received: {found!r}"
            )
        rows = _rows(found) if by_column else found
        if not rows:
            raise ValueError(f"expected at least one row. Received: {found!r}")
        self.columns = list(dict.fromkeys(column for row in rows for column in row))
        self.numeric = [
            column
            for column in self.columns
            if not any(isinstance(row.get(column), str | bool) for row in rows)
        ]
        self.rows = [[_written(row.get(column)) for column in self.columns] for row in rows]

    def __repr__(self):
        return text(self.columns, self.rows, self.numeric)

    def markdown(self):
        """Return the table as markdown."""
        return markdown(self.columns, self.rows, self.numeric)

    _repr_markdown_ = markdown


class Results(dict):
    """A dict that a notebook shows as a table: names to numbers, or to named tuples of them."""

    def table(self):
        """Return the `Table`, one row for each name."""
        rows = []
        for name, value in self.items():
            columns = value._asdict() if hasattr(value, "_asdict") else {"value": value}
            rows.append({"": name, **columns})
        return Table(rows)

    def _repr_markdown_(self):
        # IPython shows the dict itself instead of `None`.
        return self.table().markdown() if self else None


def text(columns, rows, numeric=()):
    """Write rows of text as aligned lines, with the `numeric` columns on the right."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    lines = []
    for row in (columns, *rows):
        cells = [
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(columns, rows, numeric=()):
    """Write rows of text as a markdown table, with the `numeric` columns on the right."""
    rules = ["---:" if column in numeric else "---" for column in columns]
    lines = [columns, rules, *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _rows(columns):
    names = dict.fromkeys(name for column in columns.values() for name in column)
    return [
        {"": str(name), **{column: values.get(name) for column, values in columns.items()}}
        for name in names
    ]


def _written(value):
    if value is None:
        return "-"
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, numbers.Integral):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, numbers.Real) else str(value)
