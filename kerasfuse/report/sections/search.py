"""What was searched for the settings, what decided, and what the best ones are worth."""

import math

from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.search.settings import is_search, read_settings
from kerasfuse.recipes.search.space import parse
from kerasfuse.recipes.search.tuning import read_search
from kerasfuse.report.bar_chart import bar_chart
from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.numbers import measured, short
from kerasfuse.report.parts import Heading, Section, Table, Text
from kerasfuse.report.scatter_chart import points_chart
from kerasfuse.report.sections.scores import named


def search(reported_runs):
    """Draw the trials of every search that one of the runs comes from."""
    lead = (
        "Settings were chosen on validation alone, by trials of one seed; the test split was not "
        "read. Then the best setting and the default were trained on fresh seeds."
    )
    folders = {run.run.folder.resolve().parent for run in reported_runs}
    parts = []
    for folder in sorted(folder for folder in folders if is_search(folder)):
        found = read_search(folder)
        if len(folders) > 1:
            parts.append(Heading(folder.name))
        parts += _parts(found, parse(read_settings(folder).space))
    if not parts:
        parts = [Text("These runs come from no search: their settings were chosen before.")]
    return Section("search", "Search for settings", lead, parts)


def _parts(found, parameters):
    monitor = found.entry.recipe.monitor
    return [
        Text(_outcome(found)),
        _history(found, monitor),
        *([_importance(found)] if found.importance else []),
        *(_slice(found, parameter, monitor) for parameter in parameters),
        _settings(found, parameters),
    ]


def _outcome(found):
    counts = [
        f"{sum(trial.state == state for trial in found.trials)} {state}"
        for state in ("finished", "pruned", "failed", "running")
    ]
    said = f"{len(found.trials)} trials: {', '.join(counts)}. "
    if not (found.tuned and found.default):
        return f"{said}No setting has been trained on fresh seeds yet."
    metric, test = found.entry.recipe.score, found.gain()
    kept = "worse" if found.optimism > 0 else "better"
    p_value = "" if math.isnan(test.p_value) else f", p = {test.p_value:.3f} of a paired test"
    return (
        f"{said}On {test.n} fresh seeds the best setting's {named(metric)} on test is "
        f"{measured(metric, abs(test.difference))} {'higher' if test.difference > 0 else 'lower'} "
        f"than the default's{p_value}. Its {found.entry.recipe.monitor} is "
        f"{short(abs(found.optimism))} {kept} on these seeds than in its trial: "
        "the best of many trials is chosen for its luck, too."
    )


def _history(found, monitor):
    finished = [trial for trial in found.trials if trial.state == "finished"]
    better = min if lower_is_better(monitor) else max
    best = [better(t.value for t in finished[: i + 1]) for i in range(len(finished))]
    numbers = [trial.number for trial in finished]
    values = [trial.value for trial in finished]
    text = f"{monitor} of {len(finished)} finished trials; the best is {short(found.best.value)}."
    series = [
        Series("a trial", numbers, values, "s0 thin", dots=True),
        Series("best so far", numbers, best, "s1"),
    ]
    return line_chart("Trials", text, series, "trial", monitor, whole_x=True)


def _importance(found):
    groups = {name: [("share", value, "s0")] for name, value in found.importance.items()}
    text = "; ".join(f"{name} {short(value)}" for name, value in found.importance.items())
    return bar_chart("What decided", f"Importance: {text}.", groups, "share of the importance")


def _slice(found, parameter, monitor):
    pairs = [
        (trial.settings[parameter.name], trial.value, trial.number)
        for trial in found.trials
        if trial.state == "finished" and parameter.name in trial.settings
    ]
    text = f"{monitor} of finished trials by {parameter.name}."
    if parameter.choices or not pairs:
        groups = {}
        for choice in parameter.choices:
            values = [value for chosen, value, _ in pairs if chosen == choice]
            if values:
                label = f"{choice} ({len(values)})"
                groups[label] = [("mean", sum(values) / len(values), "s0")]
        if not groups:
            return Text(f"{parameter.name}: no finished trial chose a value.")
        return bar_chart(parameter.name, text, groups, f"mean {monitor}")
    scale = math.log10 if parameter.log else float
    label = f"log10 of {parameter.name}" if parameter.log else parameter.name
    x, y, numbers = zip(*pairs, strict=True)
    tips = [
        f"trial {number}: {parameter.name} {short(a)}, {monitor} {short(b)}"
        for a, b, number in pairs
    ]
    return points_chart(parameter.name, text, [scale(v) for v in x], y, tips, label, monitor)


def _settings(found, parameters):
    rows = []
    for parameter in parameters:
        default, best = found.default_of(parameter.name), found.best.settings
        rows.append([parameter.name, _written(default), _written(best.get(parameter.name))])
    return Table("Settings", ("argument", "default", "best trial"), rows)


def _written(value):
    if value is None:
        return "-"
    return short(value) if isinstance(value, float) else str(value)
