"""Tell everything of one kind that is wrong with the rows of a table, in one message."""

_NAMED = 3


def refuse(expected, faults, total, advice, what="rows"):
    """Raise a ValueError that counts faults and names the first three; nothing without any.

    Args:
        expected: the end of "expected ...".
        faults: list of texts, one a row.
        total: number of all rows.
        advice: what to do.
        what: what the faults are counted in.
    """
    if faults:
        raise ValueError(f"expected {expected}. Received: {some(faults, total, what)}. {advice}")


def some(faults, total, what="rows"):
    """Count faults and name the first three."""
    count = len(faults)
    first = "; ".join(faults[:_NAMED])
    others = f"; and {count - _NAMED:,} more" if count > _NAMED else ""
    return f"{count:,} of {total:,} {what}: {first}{others}"
