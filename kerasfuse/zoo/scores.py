"""Write scores as text, everywhere alike."""


def score(entry, split="test", baseline=False):
    """Return an entry's recorded score as text: mean, sd and number of seeds, or the baseline."""
    if not entry.recorded:
        return "-"
    metric = entry.recipe.score
    numbers = entry.results[split][metric]
    if baseline:
        return format_number(metric, numbers.get("baseline"))
    count = len(entry.results["seeds"])
    simulated = ", simulated" if entry.simulated else ""
    return f"{metric} {spread(metric, numbers)} ({count} seed{'s' * (count > 1)}{simulated})"


def spread(metric, numbers):
    """Write the mean of a metric over seeds and, for more than one, its sd; `-` for `None`."""
    if numbers is None:
        return "-"
    mean = format_number(metric, numbers["mean"])
    return f"{mean} ± {format_number(metric, numbers['sd'])}" if "sd" in numbers else mean


def format_number(metric, value):
    """Write a metric's value: shares in percent, everything else with three decimals."""
    if value is None:
        return "-"
    in_percent = "acc" in metric or "f1" in metric
    return f"{100 * value:.1f}" if in_percent else f"{value:.3f}"
