"""How much the score depends on each modality."""

from kerasfuse.metrics.conventions import lower_is_better, scaled
from kerasfuse.report.bar_chart import bar_chart
from kerasfuse.report.numbers import change, measured, unit
from kerasfuse.report.parts import Table
from kerasfuse.report.sections.per_run import section_per_run

MEASURES = (("absent", "s0"), ("permuted", "s1"), ("Shapley share", "s2"))


def contribution(reported_runs):
    """Draw absence, permutation and Shapley share of every modality."""
    lead = (
        "How much of the score goes when a modality is absent, how much when it comes from another "
        "sample (mean over permutations), and its Shapley share over all coalitions; shares add up "
        "to the score of all modalities less that of none."
    )
    title = "What each modality contributes"
    return section_per_run(reported_runs, "contribution", title, lead, _show)


def _show(reported_run):
    found, metric = reported_run.contribution, reported_run.score
    rows = found.table(metric)
    groups = {
        name: [
            (label, scaled(metric, value), css)
            for (label, css), value in zip(MEASURES, (absent, permuted, share), strict=True)
        ]
        for name, absent, permuted, _, share in rows
    }
    largest = max(rows, key=lambda row: abs(row[-1]))
    whole = found.everything[metric] - found.nothing[metric]
    text = (
        f"Differences in {metric}. The largest Shapley share is that of {largest[0]}, "
        f"{change(metric, largest[-1])} of {change(metric, whole)}."
    )
    axis = f"difference in {unit(metric)}"
    if lower_is_better(metric):
        axis += ": left is better"

    def written(value):
        return change(metric, value / scaled(metric, 1.0))

    parts = [bar_chart(f"Contributions to {metric}", text, groups, axis, written)]
    columns = ("modality", "absent", "permuted", "Shapley share")
    cells = [
        [
            name,
            change(metric, absent),
            f"{change(metric, permuted)} ± {measured(metric, sd)}",
            change(metric, share),
        ]
        for name, absent, permuted, sd, share in rows
    ]
    notes = (
        f"{metric}: {measured(metric, found.everything[metric])} with all modalities, "
        f"{measured(metric, found.nothing[metric])} with none.",
    )
    parts.append(Table(f"Contributions to {metric}, numbers", columns, cells, notes))
    others = [
        [name, other, change(other, a), change(other, p), change(other, s)]
        for other in found.everything
        if other != metric
        for name, a, p, _, s in found.table(other)
    ]
    if others:
        columns = ("modality", "metric", *columns[1:])
        parts.append(Table("Contributions to the other metrics", columns, others, folded=True))
    return parts
