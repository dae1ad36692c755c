"""How good the runs are, how sure that is, and whether they differ."""

import math

from kerasfuse import analysis, zoo
from kerasfuse.metrics.conventions import in_percent, lower_is_better
from kerasfuse.report.bar_chart import interval_chart
from kerasfuse.report.numbers import change, measured, with_minus
from kerasfuse.report.parts import Section, Table, Text


def scores(reported_runs):
    """Show the metrics of every run and, of several, their differences from the first."""
    lead = (
        "Metrics on the test split, mean ± standard deviation over seeds, and the 95 % bootstrap "
        "interval over test samples. Accuracies and F1 are in per cent; \u2193 marks metrics that "
        "are better when lower. Constant is the best prediction that never looks at the input."
    )
    parts = []
    for reported_run in reported_runs:
        parts += _of_one(reported_run, alone=len(reported_runs) == 1)
    for reported_run in reported_runs[1:]:
        parts += _against(reported_run, reported_runs[0])
    return Section("scores", "Scores", lead, parts)


def named(metric):
    return f"{metric} \u2193" if lower_is_better(metric) else metric


def _of_one(reported_run, alone):
    run = reported_run.run
    table = {split: run.table(split) for split in ("validation", "test")}
    try:
        intervals = reported_run.intervals()
        missing = ()
    except FileNotFoundError as error:
        intervals, missing = {}, (f"No intervals: {str(error).splitlines()[0]}",)
    rows = []
    for metric, numbers in table["test"].items():
        found = intervals.get(metric)
        ends = f"{measured(metric, found.low)} to {measured(metric, found.high)}" if found else "-"
        rows.append(
            [
                named(metric),
                spread(metric, table["validation"].get(metric)),
                spread(metric, numbers),
                ends,
                measured(metric, numbers.get("baseline")),
            ]
        )
    seeds = ", ".join(map(str, run.seeds))
    notes = [
        f"{'Seeds' if len(run.seeds) > 1 else 'Seed'} {seeds}; weights chosen by "
        f"{reported_run.entry.recipe.monitor}, test scored once per seed.",
        *missing,
    ]
    if reported_run.entry.recipe.folds:
        notes.append("Means are over folds; intervals are of the samples of all folds together.")
    if reported_run.entry.simulated:
        notes.append("SIMULATED data: these numbers compare with nobody's.")
    caption = "Metrics" if alone else f"Metrics of {reported_run.label}"
    columns = ("metric", "validation", "test", "95 % interval, test", "constant")
    parts = [Table(caption, columns, rows, tuple(notes))]
    if alone:
        parts += _intervals_of_shares(intervals, caption)
    return parts


def _intervals_of_shares(intervals, caption):
    shown = [
        (metric, *(100 * v for v in found))
        for metric, found in intervals.items()
        if in_percent(metric) and not any(map(math.isnan, found))
    ]
    if not shown:
        return []
    text = "Dots are values on the test split, bars their 95 % bootstrap intervals."
    return [interval_chart("Shares with their intervals", text, shown, "per cent")]


def _against(reported_run, first):
    try:
        found = reported_run.differences(first)
    except FileNotFoundError as error:
        return [Text(f"{reported_run.label} is not compared: {str(error).splitlines()[0]}")]
    if found is None:
        return [
            Text(
                f"{reported_run.label} is not compared with {first.label}: they were tested on "
                "other samples, or by other metrics."
            )
        ]
    rows, drawn = [], []
    for metric, (value, low, high) in found.items():
        ends = f"{change(metric, low)} to {change(metric, high)}"
        rows.append(
            [
                named(metric),
                change(metric, value),
                ends,
                "yes" if low > 0 or high < 0 else "no",
                _paired_test(reported_run, first, metric),
            ]
        )
        if in_percent(metric):
            drawn.append((metric, 100 * value, 100 * low, 100 * high))
    caption = f"{reported_run.label} less {first.label}"
    columns = ("metric", "difference", "95 % interval", "interval without 0", "p over seeds")
    notes = (
        "Paired bootstrap over test samples: both runs are scored on the same resamples. "
        "p: paired t-test over the seeds in common, where there are two or more.",
    )
    parts = [Table(caption, columns, rows, notes)]
    if drawn:
        text = (
            f"Differences of shares, {caption}, with 95 % paired bootstrap intervals; the line "
            "is no difference."
        )
        parts.append(interval_chart(caption, text, drawn, "per cent", zero=True))
    return parts


def _paired_test(reported_run, first, metric):
    seeds = [seed for seed in reported_run.run.seeds if seed in first.run.seeds]
    if len(seeds) < 2 or metric not in first.run.first["test"]:
        return "-"
    pairs = [[s.run.seeds[seed]["test"][metric] for seed in seeds] for s in (reported_run, first)]
    return f"{analysis.paired_test(*pairs).p_value:.3f}"


def spread(metric, numbers):
    """Write mean ± sd; `-` where there is none."""
    return with_minus(zoo.spread(metric, numbers))
