"""Figures that papers print of systems which are not built here."""

import csv
from typing import Any

from kerasfuse.nearest_names import choose
from kerasfuse.zoo.catalogue import folder


def published_baselines(dataset: str | None = None) -> list[dict[str, Any]]:
    """List figures that papers print of systems which are not built here.

    They were measured by others, on features, splits and seeds of their own: quote them apart from
    what was measured here.

    Args:
        dataset: `"mosi"`, `"mosei"` or `"iemocap"`, or `None` for all.

    Returns:
        List of dicts with `model`, `data`, `metric` (as ours is named that measures the same; MICA
        and HCT-MG follow MulT's evaluation), `value` (a fraction where the paper has per cent),
        `source` and `table` where it is printed, and `note`.

    Raises:
        ValueError: for a data set of which none is quoted.

    Example:

    >>> from kerasfuse import zoo
    >>> zoo.published_baselines("mosi")[0]["model"]
    'RAVEN'
    """
    with open(folder() / "published_baselines.csv", encoding="utf-8", newline="") as file:
        rows = [{**row, "value": float(row["value"])} for row in csv.DictReader(file)]
    known = {row["data"] for row in rows}
    if dataset is not None:
        choose("dataset", dataset, sorted(known))
    return [row for row in rows if dataset in (None, row["data"])]
