"""Whether attention tells steps apart, and what the model loses without it."""

from kerasfuse.analysis.attention.ablation import crossmodal_attentions
from kerasfuse.analysis.attention.statistics import attention_names
from kerasfuse.report.numbers import change, measured
from kerasfuse.report.parts import Table, Text
from kerasfuse.report.sections.per_run import NotThereError, section_per_run

_COLUMNS = {
    "entropy": "entropy / uniform",
    "peak": "largest / mean weight",
    "query_norm": "norm of queries",
    "key_norm": "norm of keys",
}


def attention_use(reported_runs):
    """Show how far attention is from uniform, and scores with other attention in its place."""
    lead = (
        "Entropy over that of uniform attention and largest over mean weight of a row are 1 where "
        "attention is uniform. Below: the score when all attention across modalities is made "
        "uniform, taken from another sample, or shifted by half of the steps. Where nothing is "
        "lost, the model does not use where it looks."
    )
    return section_per_run(reported_runs, "attention-use", "Does attention matter?", lead, _show)


def _show(reported_run):
    name = reported_run.entry.model_class
    shown, ablated = attention_names(reported_run.model), crossmodal_attentions(reported_run.model)
    if not shown and not ablated:
        raise NotThereError(f"{name} has no attention across modalities.")
    parts = []
    if shown:
        parts += _statistics(reported_run.attention_statistics)
    if ablated and reported_run.test.num_samples > 1:
        found, score = reported_run.attention_ablation, reported_run.score
        rows = [
            [attention, measured(score, value), change(score, lost)]
            for attention, value, lost in found.table(score)
        ]
        columns = ("attention", score, "lost")
        parts.append(Table(f"{score} with other attention", columns, rows))
    return parts


def _statistics(found):
    columns = [key for key in _COLUMNS if key in found.mean]
    rows = [
        [
            name.replace("_to_", " \u2192 ").replace("/", ", "),
            *(f"{statistics[key]:.3f}" if key in statistics else "" for key in columns),
        ]
        for name, statistics in {**found, "mean": found.mean}.items()
    ]
    heads = ("layer, source \u2192 target", *(_COLUMNS[key] for key in columns))
    return [Text(found.sentence()), Table("Attention by layer and pair", heads, rows)]
