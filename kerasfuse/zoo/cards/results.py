"""The results on a card."""

import collections

from kerasfuse.metrics.conventions import format_value
from kerasfuse.tables import markdown
from kerasfuse.zoo.cards.attention import attention_lines
from kerasfuse.zoo.cards.recipe import arguments_text
from kerasfuse.zoo.scores import spread


def results_lines(entry):
    """Return the lines of a card that show what was measured, beside what is published."""
    lines = _recorded_lines(entry) if entry.recorded else _published_lines(entry)
    tables = {}
    for row in entry.results.get("rows", []):
        tables.setdefault(row["table"], []).append(row)
    for title, rows in tables.items():
        lines += ["", *_table_lines(entry, title, rows)]
    return [*lines, *_absent_lines(entry), *attention_lines(entry)]


def peers_lines(entry, others):
    """Return the lines of a card that show the recorded scores of others on the same data."""
    metric = entry.recipe.score
    peers = [
        other
        for other in others
        if other.recorded and _samples(other) == _samples(entry) and metric in other.results["test"]
    ]
    if not [other for other in peers if other.name != entry.name]:
        return []
    lines = [f"| model | {metric} (test) | seeds | parameters |", "| --- | --- | --- | --- |"]
    for other in peers:
        name = f"**{other.name}**" if other.name == entry.name else other.name
        count = len(other.results["seeds"])
        scores = spread(metric, other.results["test"][metric])
        lines.append(f"| {name} | {scores} | {count} | {other.results['parameters']:,} |")
    constant = format_value(metric, peers[0].results["test"][metric].get("baseline"))
    return [*lines, f"| best constant prediction | {constant} | - | 0 |"]


def _samples(entry):
    """Return what decides which samples are scored: the data, whatever modalities are read."""
    arguments = {key: value for key, value in entry.data_args.items() if key != "modalities"}
    return entry.data_name, arguments, entry.recipe.metrics


def _published_lines(entry):
    lines = ["The recipe's are not recorded yet."]
    if entry.published:
        lines += ["", "| metric | published |", "| --- | --- |"]
        metrics = dict.fromkeys(row.metric for row in entry.published)
        lines += [f"| {metric} | {_published(entry, metric)} |" for metric in metrics]
    return lines


def _published(entry, metric):
    figures = (
        f"{row.model} {format_value(metric, row.value)}" + (f" ({row.note})" * bool(row.note))
        for row in entry.published
        if row.metric == metric
    )
    return "; ".join(figures) or "-"


def _recorded_lines(entry):
    results = entry.results
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    shipped = results.get("shipped", {}).get("test", {})
    lines = [
        f"Mean ± sd over the seeds {', '.join(map(str, results['seeds']))}; weights chosen by "
        f"`{entry.recipe.monitor}` alone, the test split scored once per run. `constant` is the "
        "best prediction that ignores the input, chosen on the training labels. `these weights` "
        f"is what `kerasfuse evaluate {entry.name}` gives. Both are on test."
        + (" The score of a seed is the mean over its folds." * bool(entry.recipe.folds)),
        "",
    ]
    table = [["metric", "validation", "test", "these weights", "constant", "published"]]
    for metric, test in results["test"].items():
        # A competition strength is fitted on validation, and measured on test alone.
        validation = results["validation"].get(metric)
        scores = spread(metric, validation), spread(metric, test)
        values = shipped.get(metric), test.get("baseline")
        numbers = [format_value(metric, value) for value in values]
        table.append([metric, *scores, *numbers, _published(entry, metric)])
    if not entry.published:
        table = [row[:-1] for row in table]
    return [
        *lines,
        *_table(table),
        "",
        *_seed_lines(entry),
        "",
        f"Made on {results['backend']} with {versions}; data sha256 "
        f"{results['data_sha256'][:16]}.{_speed(results.get('speed', {}))}",
        *_primary_lines(collections.Counter(results.get("primary", []))),
    ]


def _seed_lines(entry):
    test = entry.results["test"]
    table = [["seed", *(f"{metric} (test)" for metric in test)]]
    for place, seed in enumerate(entry.results["seeds"]):
        kept = " (these weights)" if seed == entry.weights.seed and entry.weights.file else ""
        scores = [format_value(metric, test[metric]["per_seed"][place]) for metric in test]
        table.append([f"{seed}{kept}", *scores])
    return _table(table, upright=len(test) <= len(entry.results["seeds"]))


def _table(rows, upright=True):
    """Return the lines of a table: a terminal is narrow, so the longer side should run down."""
    header, *body = rows if upright else zip(*rows, strict=True)
    return markdown(header, body).splitlines()


def _speed(speed):
    parts = []
    if "training_seconds" in speed:
        parts.append(f"training took {speed['training_seconds']:,.0f} s a seed")
    if "samples_per_second" in speed:
        parts.append(f"{speed['samples_per_second']:,} samples a second are predicted")
    machine = f" ({speed['machine']})" if "machine" in speed else ""
    return f" Speed: {', '.join(parts)}{machine}." if parts else ""


def _primary_lines(primary):
    if not primary:
        return []
    chosen = ", ".join(f"{modality} in {count}" for modality, count in primary.most_common())
    return ["", f"The gate chose {chosen} of {primary.total()} searches."]


def _absent_lines(entry):
    rows = entry.results.get("absent", [])
    if not rows:
        return []
    metrics = list(rows[0]["test"])
    table = [["absent", *metrics]]
    whole = {"modalities": ["nothing"], "test": entry.results["shipped"]["test"]}
    for row in [whole, *rows]:
        empty = f" (leaves {row['empty']:,} samples empty)" if "empty" in row else ""
        scores = [format_value(metric, row["test"].get(metric)) for metric in metrics]
        table.append([", ".join(row["modalities"]) + empty, *scores])
    return [
        "",
        "### Where modalities are absent",
        "",
        "What these weights score on test when all samples lack them.",
        "",
        *_table(table, upright=len(metrics) <= len(rows) + 1),
    ]


def _table_lines(entry, title, rows):
    metrics = list(rows[0]["test"])
    table = [["row", "settings", "seeds", *metrics, "p against"]]
    for row in rows:
        scores = [spread(metric, row["test"].get(metric)) for metric in metrics]
        p_value = row["test"][entry.recipe.score].get("p")
        against = f"{p_value:.3g} ({row['against']})" if p_value is not None else "-"
        settings = f"`{arguments_text(row['settings'])}`" if row["settings"] else "-"
        table.append([row["label"], settings, str(len(row["seeds"])), *scores, against])
    return [f"### {title}", *_table(table, upright=len(metrics) <= len(rows))]
