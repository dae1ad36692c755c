"""How alike the modalities became, and whether attention finds what truly corresponds."""

from kerasfuse.report.parts import Table
from kerasfuse.report.sections.per_run import NotThereError, section_per_run


def alignment(reported_runs):
    """Show A-distance and correlation accuracy of the last crossmodal layer."""
    lead = (
        "A-distance between queries and keys of the last crossmodal layer: 0 where a linear "
        "classifier cannot tell them apart, 2 where it always can. Correlation accuracy: how often "
        "a step attends most to one of its own event, where the data know that."
    )
    return section_per_run(reported_runs, "alignment", "Alignment of modalities", lead, _show)


def _show(reported_run):
    if not any(n.startswith("queries/") for n in getattr(reported_run.model, "intermediates", ())):
        raise NotThereError(
            f"Not defined: {reported_run.entry.model_class} has no crossmodal queries and keys."
        )
    found = reported_run.alignment
    columns = ["source \u2192 target", "A-distance"]
    known = "correlation_accuracy" in found
    if known:
        columns.append("correlation accuracy, %")
    rows = []
    for name, scores in {**found["pairs"], "mean": found}.items():
        row = [name.replace("_to_", " \u2192 "), f"{scores['a_distance']:.3f}"]
        if known:
            row.append(f"{100 * scores['correlation_accuracy']:.1f}")
        rows.append(row)
    notes = () if known else ("The true alignment of these data is not known.",)
    return [Table("Alignment by pair", tuple(columns), rows, notes)]
