"""How the modalities were balanced, and how strongly they compete."""

from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.numbers import measured, short
from kerasfuse.report.parts import Table
from kerasfuse.report.sections.per_run import NotThereError, section_per_run

QUANTITIES = {
    "coefficient": "Coefficient of the gradient",
    "ratio": "Discrepancy ratio",
    "error": "Error of each share",
    "accuracy": "Accuracy of each share",
}


def modulation(reported_runs):
    """Draw what the strategy saw and did, and tell the competition strength."""
    lead = (
        "What the strategy saw of each modality in training and by how much it scaled gradients, "
        "mean of an epoch. Competition strength: how much of what a modality could tell alone is "
        "not in the model's features, 0 for all of it."
    )
    return section_per_run(reported_runs, "modulation", "Balance of modalities", lead, _show)


def _show(reported_run):
    modalities = list(reported_run.entry.model_args["modalities"])
    parts = []
    for name, rows in reported_run.histories().items():
        for quantity, title in QUANTITIES.items():
            there = [m for m in modalities if rows and f"{quantity}_{m}" in rows[0]]
            if not there:
                continue
            epochs = [row["epoch"] for row in rows]
            series = [
                Series(
                    m,
                    epochs,
                    [row[f"{quantity}_{m}"] for row in rows],
                    f"s{modalities.index(m) % 6}",
                )
                for m in there
            ]
            last = ", ".join(f"{each.label} {short(each.y[-1])}" for each in series)
            text = f"{title} over {len(rows)} epochs of {name}; at the end {last}."
            parts.append(line_chart(f"{title}, {name}", text, series, "epoch", "", True))
    return [*parts, *_strengths(reported_run, modalities, bool(parts))]


def _strengths(reported_run, modalities, curves):
    table, score = reported_run.run.table("test"), reported_run.score
    if f"{score}_{modalities[0]}" not in table:
        if not curves:
            raise NotThereError("This run trains without a balancing strategy.")
        return []
    columns = ["modality", f"{score} of its share"]
    measures = [f"{score}_{{}}"]
    if f"strength_{modalities[0]}" in table:
        columns += ["competition strength", f"{score} of the modality alone"]
        measures += ["strength_{}", f"{score}_concept_{{}}"]
    rows = [
        [m, *(_mean(measure, table.get(measure.format(m))) for measure in measures)]
        for m in modalities
    ]
    return [Table("Modalities, test split, mean over seeds", tuple(columns), rows)]


def _mean(measure, numbers):
    if numbers is None:
        return "-"
    if measure.startswith("strength"):
        return short(numbers["mean"])
    return measured(measure, numbers["mean"])
