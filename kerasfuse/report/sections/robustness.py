"""What is left of the score when recordings get worse."""

from kerasfuse.metrics.conventions import scaled
from kerasfuse.report.canvas import padded
from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.numbers import change, measured, short, unit
from kerasfuse.report.parts import Table
from kerasfuse.report.sections.per_run import section_per_run

TITLES = {
    "removed": ("A modality is missing", "share of samples without it"),
    "dropped": ("Frames are missing", "share of steps dropped"),
    "noise": ("Features are noisy", "noise, in sd of each feature"),
}


def robustness(reported_runs):
    """Draw the score over the level of each corruption."""
    lead = (
        "The score of the best seed's weights on the test split, corrupted on purpose: a line for "
        "each modality that is befallen, alone or all at once. Every level keeps what lower levels "
        "changed; draws are seeded."
    )
    return section_per_run(reported_runs, "robustness", "Robustness", lead, _show)


def _show(reported_run):
    found, metric = reported_run.robustness, reported_run.score
    names = list(dict.fromkeys(n for befallen in found.curves.values() for n in befallen))
    values = [row[3] for row in found.table(metric)]
    y_range = padded([scaled(metric, value) for value in (found.clean[metric], *values)])
    parts = []
    for kind, befallen in found.curves.items():
        title, axis = TITLES[kind]
        series = [
            Series(name, *_curve(found, kind, name, metric), _style(name, names), dots=True)
            for name in befallen
        ]
        worst = ", ".join(f"{each.label} {short(each.y[-1])}" for each in series)
        text = (
            f"{metric} over the {axis}: {measured(metric, found.clean[metric])} untouched; at the "
            f"highest level {worst}."
        )
        parts.append(line_chart(title, text, series, axis, unit(metric), y_range=y_range))
    rows = [
        [kind, name, short(level), measured(metric, value), change(metric, difference)]
        for kind, name, level, value, difference in found.table(metric)
    ]
    columns = ("corruption", "of", "level", metric, "change")
    parts.append(Table(f"Robustness, {metric} in numbers", columns, rows, folded=True))
    return parts


def _curve(found, kind, name, metric):
    levels, values = found.curve(kind, name, metric)
    return levels, [scaled(metric, value) for value in values]


def _style(name, names):
    return "ink dashed" if name == "all" else f"s{names.index(name) % 6}"
