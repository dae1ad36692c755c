"""The results on a card."""

import collections

from kerasfuse.zoo.card_recipe import arguments_text
from kerasfuse.zoo.scores import format_number, spread


def results_lines(entry):
    """Return the lines of a card that show what was measured."""
    lines = _recorded_lines(entry) if entry.recorded else ["The recipe's are not recorded yet."]
    tables = {}
    for row in entry.results.get("rows", []):
        tables.setdefault(row["table"], []).append(row)
    for title, rows in tables.items():
        lines += ["", *_table_lines(entry, title, rows)]
    return lines


def _recorded_lines(entry):
    results = entry.results
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        f"Mean ± sd over the seeds {', '.join(map(str, results['seeds']))}; weights chosen by "
        f"`{entry.recipe.monitor}` alone, the test split scored once per run. `constant` is the "
        "best prediction that ignores the input, chosen on the training labels."
        + (" The score of a seed is the mean over its folds." * bool(entry.recipe.folds)),
        "",
        "| metric | validation | test | constant (test) | published |",
        "| --- | --- | --- | --- | --- |",
    ]
    for metric, test in results["test"].items():
        published = "; ".join(
            f"{row.model} {format_number(metric, row.value)}" + (f" ({row.note})" * bool(row.note))
            for row in entry.published
            if row.metric == metric
        )
        # A competition strength is fitted on validation, and measured on test alone.
        validation = results["validation"].get(metric)
        lines.append(
            f"| {metric} | {spread(metric, validation)} | {spread(metric, test)} "
            f"| {format_number(metric, test.get('baseline'))} | {published or '-'} |"
        )
    return [
        *lines,
        "",
        f"{results['parameters']:,} parameters; backend {results['backend']}; {versions}; data "
        f"sha256 {results['data_sha256'][:16]}",
        *_primary_lines(collections.Counter(results.get("primary", []))),
    ]


def _primary_lines(primary):
    if not primary:
        return []
    chosen = ", ".join(f"{modality} in {count}" for modality, count in primary.most_common())
    return ["", f"The gate chose {chosen} of {primary.total()} searches."]


def _table_lines(entry, title, rows):
    metrics = list(rows[0]["test"])
    lines = [
        f"### {title}",
        f"| row | settings | seeds | {' | '.join(metrics)} | p against |",
        "| --- " * (len(metrics) + 4) + "|",
    ]
    for row in rows:
        scores = " | ".join(spread(metric, row["test"].get(metric)) for metric in metrics)
        p_value = row["test"][entry.recipe.score].get("p")
        against = f"{p_value:.3g} ({row['against']})" if p_value is not None else "-"
        settings = f"`{arguments_text(row['settings'])}`" if row["settings"] else "-"
        count = len(row["seeds"])
        lines.append(f"| {row['label']} | {settings} | {count} | {scores} | {against} |")
    return lines
