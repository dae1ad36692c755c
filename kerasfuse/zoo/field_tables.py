"""Tables of entries with the metrics that papers of the field print, beside the papers' figures."""

from kerasfuse.metrics.conventions import format_value
from kerasfuse.tables import markdown
from kerasfuse.zoo.baselines import published_baselines
from kerasfuse.zoo.scores import spread

# In each pair first the classes negative and not negative, then negative and positive.
_PRINTED = {
    "MAE": ("mae",),
    "Corr": ("corr",),
    "Acc2": ("acc2_has0", "acc2_non0"),
    "F1": ("f1_has0", "f1_non0"),
    "Acc7": ("acc7",),
}

TEXT_ALONE = "text alone"


def by_validation(entries, data):
    """Return a markdown table of the entries on a data set, lowest validation error first.

    Args:
        entries: list of `Entry`.
        data: name of a data set whose entries are scored by the suite of CMU-MOSI.
    """
    recorded = [e for e in entries if e.data_name == data and e.recorded]
    recorded.sort(key=lambda entry: entry.results["validation"]["mae"]["mean"])
    rows = [
        (
            f"`{entry.name}`",
            spread("mae", entry.results["validation"]["mae"]),
            *_cells(lambda metric, e=entry: spread(metric, e.results["test"].get(metric))),
            "-" if entry.parameters is None else f"{entry.parameters:,}",
        )
        for entry in recorded
    ]
    if recorded:
        constant = recorded[0].results["test"]
        validation = recorded[0].results["validation"]["mae"].get("baseline")
        rows.append(
            (
                "constant",
                format_value("mae", validation),
                *_cells(lambda metric: format_value(metric, constant[metric].get("baseline"))),
                "0",
            )
        )
    return markdown(("entry", "validation MAE", *_PRINTED, "trained weights"), rows)


def beside_text_alone(entries, data):
    """Return a markdown table of what each model scores with all modalities and with text alone.

    Args:
        entries: list of `Entry`.
        data: name of a data set, in whose entries the row `text alone` repeats the recipe so.
    """
    rows = []
    for entry in entries:
        if entry.data_name != data or not entry.recorded:
            continue
        alone = [row for row in entry.results.get("rows", []) if row["label"] == TEXT_ALONE]
        if not alone:
            continue
        cells = []
        for metric in ("mae", "acc2_non0"):
            single = alone[0]["test"][metric]
            cells += [spread(metric, entry.results["test"][metric]), spread(metric, single)]
            cells.append(f"{single['p']:.3f}" if "p" in single else "-")
        rows.append((f"`{entry.name}`", *cells))
    columns = ("entry", "MAE", "text alone", "p", "Acc2", "text alone", "p")
    return markdown(columns, rows)


def ablations(entries, data):
    """Return a markdown table of the rows that change one setting of an entry.

    Each entry's own result comes first, the mean over all of its seeds; p is of a paired test over
    the seeds that a row has. What `beside_text_alone` shows is left out.

    Args:
        entries: list of `Entry`.
        data: name of a data set.
    """
    metrics = ("mae", "acc2_non0")
    table = []
    for entry in entries:
        if entry.data_name != data or not entry.recorded:
            continue
        changed = [r for r in entry.results.get("rows", []) if r["label"] != TEXT_ALONE]
        if not changed:
            continue
        own = entry.results
        seeds = str(len(own["seeds"]))
        cells = [cell for m in metrics for cell in (spread(m, own["test"][m]), "-")]
        chosen_by = spread("mae", own["validation"]["mae"])
        table.append((f"`{entry.name}`", "as it is", chosen_by, *cells, seeds))
        for row in changed:
            cells = []
            for metric in metrics:
                found = row["test"][metric]
                cells += [spread(metric, found), f"{found['p']:.3f}" if "p" in found else "-"]
            title = f"{row['table'].partition(',')[0]}: {row['label']}"
            chosen_by = spread("mae", row["validation"]["mae"])
            table.append(("", title, chosen_by, *cells, str(len(row["seeds"]))))
    columns = ("entry", "changed", "validation MAE", "MAE", "p", "Acc2", "p", "seeds")
    return markdown(columns, table)


def side_by_side(entries, table):
    """Return a markdown table of the same changes in several entries, by their validation loss.

    Lower is better in every column. p, in brackets, is of a paired test over seeds with the entry's
    own result, which comes first.

    Args:
        entries: list of `Entry`.
        table: title of the table that the changes are rows of.
    """
    recorded = [entry for entry in entries if entry.recorded]
    titles, lines = [], {"as it is": {}}
    for entry in recorded:
        # Where a metric is the loss, it is recorded once, by its name.
        own = entry.results["validation"]
        loss = "loss" if "loss" in own else entry.recipe.loss
        title = f"`{entry.name}`, {loss}"
        titles.append(title)
        lines["as it is"][title] = spread(loss, own[loss])
        for row in entry.results.get("rows", []):
            if row["table"] == table:
                numbers = row["validation"][loss]
                p = f" ({numbers['p']:.3f})" if "p" in numbers else ""
                lines.setdefault(row["label"], {})[title] = spread(loss, numbers) + p
    rows = [(label, *(line.get(title, "-") for title in titles)) for label, line in lines.items()]
    return markdown(("changed", *titles), rows)


def as_printed(entries, data):
    """Return a markdown table of the figures that papers print on a data set.

    Args:
        entries: list of `Entry`; those on `data` quote the papers of their models.
        data: name of a data set; what is before its first `_` names the corpus.
    """
    found = {}
    for entry in entries:
        if entry.data_name == data:
            for figure in entry.published:
                of_model = found.setdefault((figure.model, figure.note), {})
                of_model[figure.metric] = figure.value
    for row in published_baselines(data.partition("_")[0]):
        paper = row["source"].partition("(")[2].partition(")")[0]
        note = f"{paper}'s {row['table']}" + (f", {row['note']}" if row["note"] else "")
        found.setdefault((row["model"], note), {})[row["metric"]] = row["value"]
    rows = [
        (model, *_cells(lambda metric, f=figures: format_value(metric, f.get(metric))), note)
        for (model, note), figures in sorted(found.items(), key=_most_accurate_first)
        if any(metric in figures for pair in _PRINTED.values() for metric in pair)
    ]
    return markdown(("model", *_PRINTED, "from"), rows)


def _cells(value):
    return [" / ".join(value(metric) for metric in metrics) for metrics in _PRINTED.values()]


def _most_accurate_first(item):
    return -item[1].get("acc2_non0", 0.0), item[0]
