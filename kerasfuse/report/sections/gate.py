"""How a modality gate came to its choice."""

from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Table
from kerasfuse.report.sections.per_run import NotThereError, section_per_run


def gate(reported_runs):
    """Draw the weights of the gate over the epochs of its search, and what it chose."""
    lead = (
        "The weight of each modality in the gate, mean of an epoch, while the gate was searching; "
        "its largest is then the primary modality, and frozen."
    )
    return section_per_run(reported_runs, "gate", "Modality gate", lead, _show)


def _show(reported_run):
    histories = {
        name: rows
        for part in ("gate_search", None)
        for name, rows in reported_run.histories(part).items()
        if any(k.startswith("gate_") for row in rows for k in row)
    }
    chosen = [
        (name, results["gate_search"])
        for name, (_, results) in reported_run.trainings().items()
        if "gate_search" in results
    ]
    if not histories and not chosen:
        raise NotThereError("This run searched for no gate.")
    parts = []
    for name, rows in histories.items():
        columns = [k for k in rows[0] if k.startswith("gate_")]
        series = [
            Series(
                column.removeprefix("gate_"),
                [row["epoch"] for row in rows],
                [row[column] for row in rows],
                f"s{i % 6}",
            )
            for i, column in enumerate(columns)
        ]
        last = ", ".join(f"{each.label} {short(each.y[-1])}" for each in series)
        text = f"Weights of the gate over {len(rows)} epochs; at the end {last}."
        parts.append(
            line_chart(name.capitalize(), text, series, "epoch", "weight", True, y_range=(0, 1))
        )
    if chosen:
        modalities = list(chosen[0][1]["weights"])
        rows = [
            [name, found["primary"], *(short(found["weights"][m]) for m in modalities),
             str(found["epochs"])]
            for name, found in chosen
        ]  # fmt: skip
        columns = ("training", "primary", *(f"weight of {m}" for m in modalities), "epochs")
        parts.append(Table("Choices of the gate", columns, rows))
    return parts
