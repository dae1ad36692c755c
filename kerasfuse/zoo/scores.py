"""Write scores as text, everywhere alike."""

from kerasfuse.metrics.conventions import format_value


def score(entry, split="test", baseline=False):
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


def spread(metric, numbers):
    """Write the mean of a metric over seeds and, for more than one, its sd; `-` for `None`."""
    if numbers is None:
        return "-"
    mean = format_value(metric, numbers["mean"])
    return f"{mean} ± {format_value(metric, numbers['sd'])}" if "sd" in numbers else mean
