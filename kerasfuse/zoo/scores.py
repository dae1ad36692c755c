"""Write scores as text, everywhere alike."""

from collections.abc import Mapping
from typing import Any

from kerasfuse.entries.definition import Entry
from kerasfuse.metrics.conventions import format_value


def score(entry: Entry, split: str = "test", baseline: bool = False) -> str:
    """Return an entry's recorded score as text: mean, sd and number of seeds, or the baseline."""
    if not entry.recorded:
        return "-"
    metric = entry.recipe.score
    numbers = entry.results[split][metric]
    if baseline:
        return format_value(metric, numbers.get("baseline"))
    count = len(entry.results["seeds"])
    simulated = ", simulated" if entry.simulated else ""
    return f"{metric} {spread(metric, numbers)} ({count} seed{'s' * (count > 1)}{simulated})"


def spread(metric: str, numbers: Mapping[str, Any] | None) -> str:
    """Write the mean of a metric over seeds and, for more than one, its sd; `-` for `None`."""
    if numbers is None:
        return "-"
    mean = format_value(metric, numbers["mean"])
    return f"{mean} ± {format_value(metric, numbers['sd'])}" if "sd" in numbers else mean
