"""How every loss went down, and the score up."""

import dataclasses

from kerasfuse.metrics.conventions import scaled
from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.numbers import short, unit
from kerasfuse.report.parts import Table
from kerasfuse.report.sections.per_run import NotThereError, section_per_run

# From more trainings on, their lines are faint.
_FEW = 6
# What else is in a history: of the clock, and of sections of their own.
_OTHER = ("epoch", "seconds", "learning_rate")
_ELSEWHERE = ("gate_", "error_", "ratio_", "reference_", "coefficient_", "accuracy_", "strength_")


def learning_curves(reported_runs):
    """Draw every loss, and every metric, over the epochs."""
    lead = (
        "A line for each seed. Losses beside the first are the model's own, of training only and "
        "without their weights. Rings mark the epoch whose weights were kept."
    )
    return section_per_run(reported_runs, "curves", "Learning curves", lead, _curves)


def quantities(histories, metrics):
    """Return names of losses, then of metrics, that histories have, without `val_`."""
    columns = dict.fromkeys(k for rows in histories.values() for row in rows for k in row)
    plain = dict.fromkeys(k.removeprefix("val_") for k in columns)
    plain = [k for k in plain if k not in _OTHER and not k.startswith(_ELSEWHERE)]
    losses = [k for k in plain if k not in metrics]
    return sorted(losses, key=lambda k: (k != "loss", k)), [k for k in plain if k in metrics]


def _curves(reported_run):
    histories = reported_run.histories()
    if not any(histories.values()):
        raise NotThereError("This run kept no history.")
    best = {name: results["best_epoch"] for name, (_, results) in reported_run.trainings().items()}
    losses, metrics = quantities(histories, [m.name for m in reported_run.metrics])
    stroke = "thin" if len(histories) <= _FEW else "faint"
    parts = []
    for name in [*losses, *metrics]:
        series = []
        for split, column, css in (("training", name, "s1"), ("validation", f"val_{name}", "s0")):
            for training, rows in histories.items():
                there = [row for row in rows if column in row]
                if not there:
                    continue
                x = [row["epoch"] for row in there]
                y = [scaled(name, row[column]) for row in there]
                mark = None
                if split == "validation" and best[training] in x:
                    index = x.index(best[training])
                    mark = index, f"{training}: epoch {best[training]} was kept, {short(y[index])}"
                series.append(Series(split, x, y, f"{css} {stroke}", mark=mark))
        count = "one training" if len(histories) == 1 else f"{len(histories)} trainings"
        ends = [each.y[-1] for each in series]
        low, high = short(min(ends)), short(max(ends))
        at_the_end = low if low == high else f"between {low} and {high}"
        text = f"{name} over the epochs of {count}; at the end {at_the_end}."
        chart = line_chart(unit(name), text, series, "epoch", whole_x=True)
        if name not in (*losses, reported_run.score):
            chart = dataclasses.replace(chart, folded="The other metrics")
        parts.append(chart)
    parts.sort(key=lambda chart: bool(chart.folded))
    return [*parts, *_numbers(histories)]


def _numbers(histories):
    for training, rows in histories.items():
        columns = list(dict.fromkeys(k for row in rows for k in row))
        cells = [[short(row.get(k), 4) for k in columns] for row in rows]
        yield Table(f"History of {training}", tuple(columns), cells, folded=True)
