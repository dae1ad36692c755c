"""Tables of numbers for the terminal."""

import rich.console
import rich.table

from kerasfuse import zoo
from kerasfuse.metrics.conventions import format_value


def show(title, columns, rows, notes=()):
    """Print a table, the first column left, the others right, and notes below it.

    Columns for which the terminal is too narrow follow in a table below, with the first again.
    """
    # A console of its own each time: stdout may have been replaced since.
    console = rich.console.Console(highlight=False)
    # Titles may be broken between words, numbers not.
    cells = [[*column.split(), *(row[i] for row in rows)] for i, column in enumerate(columns)]
    widths = [max(map(len, found), default=0) for found in cells]
    for number, shown in enumerate(_that_fit(widths, console.width)):
        table = rich.table.Table(
            title=None if number else title,
            title_justify="left",
            box=rich.table.box.SIMPLE_HEAD,
        )
        for i in shown:
            justify = "right" if i else "left"
            table.add_column(columns[i], justify=justify, no_wrap=not i, min_width=widths[i])
        for row in rows:
            table.add_row(*(row[i] for i in shown))
        console.print(table)
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)


def _that_fit(widths, room):
    """Distribute columns over tables of at most a width, the first column in each of them."""
    gap, margin = 3, 1
    tables = [[0]]
    for i in range(1, len(widths)):
        wanted = sum(widths[j] + gap for j in [*tables[-1], i]) + margin
        if wanted > room and len(tables[-1]) > 1:
            tables.append([0])
        tables[-1].append(i)
    return tables


def show_run(run):
    """Print what a run found, beside the best constant prediction and published figures."""
    entry, tables = run.entry, {split: run.table(split) for split in ("validation", "test")}
    published = {row.model: row for row in entry.published}
    rows = []
    for metric, test in tables["test"].items():
        validation = tables["validation"].get(metric)
        row = [metric, zoo.spread(metric, validation), zoo.spread(metric, test)]
        row.append(format_value(metric, test.get("baseline")))
        for figure in published.values():
            value = figure.value if figure.metric == metric else None
            row.append(format_value(metric, value))
        rows.append(row)
    count = len(run.seeds)
    notes = [
        f"{'Mean ± sd over seeds' if count > 1 else 'Seed'} {', '.join(map(str, run.seeds))}; "
        f"weights chosen by {entry.recipe.monitor}, test scored once per seed. constant: the best "
        "prediction that ignores the input.",
        *(f"{row.model}: {row.note}." for row in published.values() if row.note),
    ]
    if entry.simulated:
        notes.append("SIMULATED data: these numbers compare with nobody's.")
    title = f"{entry.name} ({run.first['parameters']:,} parameters)"
    show(title, ["metric", "validation", "test", "constant", *published], rows, notes)


def show_selection_audits(audits, metric):
    """Print what choosing on test would have gained in each run."""
    rows = []
    for audit in audits:
        of_run = metric or audit.run.entry.recipe.score
        found = audit.table(of_run)
        best = found["best of all"]
        rows.append(
            [
                audit.run.entry.name,
                of_run,
                *(zoo.spread(of_run, found[way]) for way in ("validation", "test", "gain")),
                zoo.spread(of_run, best),
                f"seed {best['seed']}, epoch {best['epoch']}",
            ]
        )
    columns = ["run", "metric", "chosen on validation", "chosen on test", "gain", "best of all", ""]
    notes = [
        "Test scores, mean ± sd over seeds: of the epoch that is best on validation, as they are "
        "reported here, and of the epoch that is best on test, as no result should be. best of "
        "all: the highest of any seed and epoch.",
    ]
    show("What choosing on the TEST split would have gained", columns, rows, notes)


def show_comparison(found):
    """Print the table of a comparison, best model first."""
    notes = [found.caption()]
    recorded = [row.name for row in found.rows if row.is_recorded]
    if recorded:
        notes.append(f"Scores as recorded, not trained now: {', '.join(recorded)}.")
    if found.data == "simulated":
        notes.append("SIMULATED data: these numbers compare with nobody's.")
    show(f"{found.metric} on {found.data}", found.columns, found.table(), notes)


def show_scores(entry, split, scores, constant, shipped):
    """Print one model's scores beside what is recorded and the best constant prediction.

    Args:
        entry: an `Entry`.
        split: what was scored.
        scores: dict of metric to score.
        constant: dict of metric to the score of the best constant prediction.
        shipped: whether these are the entry's own weights, whose row is then shown.
    """
    recorded = entry.results.get(split, {}) if entry.recorded else {}
    row = entry.results.get("shipped", {}).get(split) if shipped else None
    columns = ["metric", "model", *["recorded"] * bool(row), "constant", "mean over seeds"]
    rows = [
        [
            metric,
            format_value(metric, value),
            *([format_value(metric, row.get(metric))] if row else []),
            format_value(metric, constant.get(metric)),
            zoo.spread(metric, recorded.get(metric)),
        ]
        for metric, value in scores.items()
    ]
    notes = []
    if row:
        notes.append(
            f"recorded: these weights (seed {entry.weights.seed}) on {entry.results['backend']}."
        )
    if entry.simulated:
        notes.append("SIMULATED data: these numbers compare with nobody's.")
    show(f"{entry.name}, {split}", columns, rows, notes)


def show_absent(entry, split, scores, found):
    """Print one model's scores where modalities are absent.

    Args:
        entry: an `Entry`.
        split: what was scored.
        scores: dict of metric to score, with all modalities.
        found: dict of what is absent to such a dict.
    """
    columns = ["metric", "with all", *(f"without {some}" for some in found)]
    rows = [
        [metric, *(format_value(metric, x[metric]) for x in (scores, *found.values()))]
        for metric in scores
    ]
    show(f"{entry.name}, {split}: modalities absent", columns, rows, [])


def show_search(found):
    """Print what a search chose, and what that is worth on fresh seeds."""
    best = found.best
    names = list(dict.fromkeys(name for trial in found.trials for name in trial.settings))
    rows = [
        [
            name,
            _written(found.default_of(name)),
            _written(best.settings.get(name)),
            f"{found.importance[name]:.2f}" if name in found.importance else "-",
        ]
        for name in names
    ]
    states = [trial.state for trial in found.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    monitor = found.entry.recipe.monitor
    show(
        f"{found.entry.name}: {len(states)} trials",
        ["argument", "default", "best trial", "importance"],
        rows,
        [f"Trials: {counts}. Best: trial {best.number}, {monitor} {best.value:.4g}."],
    )
    if found.tuned is None:
        return
    tuned, default = (run.table("test") for run in (found.tuned, found.default))
    rows = []
    for metric in tuned:
        p_value = found.gain(metric).p_value
        p = "-" if p_value != p_value else f"{p_value:.3f}"
        rows.append(
            [metric, zoo.spread(metric, tuned[metric]), zoo.spread(metric, default[metric])]
        )
        rows[-1].append(p)
    show(
        f"Test split, fresh seeds {', '.join(map(str, found.tuned.seeds))}",
        ["metric", "best setting", "default", "p"],
        rows,
        [
            f"On these seeds {monitor} of the best setting is {abs(found.optimism):.4g} "
            f"{'worse' if found.optimism > 0 else 'better'} than in its trial, of which the search "
            "took the best.",
            f"Pictures: kerasfuse report {found.folder}",
        ],
    )


def _written(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
