"""Write what a run found into the entry's own file."""

import os
import statistics
from collections.abc import Sequence
from typing import Any

from kerasfuse import analysis, atomic, backend, hub, zoo
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.entries.token_ids import sizes
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.nearest_names import nearest
from kerasfuse.recipes.run import Run, read_run
from kerasfuse.recipes.run_folder import differences, seed_folder
from kerasfuse.recipes.seeds import SHARED, check_shared, joined
from kerasfuse.recipes.shipping.absent import check_absent
from kerasfuse.recipes.shipping.replacing import replaced
from kerasfuse.shown import shown


@renamed_arguments(run_dir="run")
def record(
    name: str,
    run: Run | str | os.PathLike[str],
    table: str | None = None,
    label: str | None = None,
    against: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    add: bool = False,
) -> None:
    """Write a run's results into the entry's file.

    Without `label` the run must be the entry's own recipe: its results take the place of [results],
    and the weights of the seed that is best on validation become the entry's weights, in float16 if
    their file is large; what that file scores is recorded as well. With `label` the results become
    one row of a table, ablations for example, and no weights are kept.

    With `add` the seeds join those recorded before, and the entry's weights change only for better
    ones on validation: a run of days can be recorded a seed at a time. Only the recipe itself can
    tell that it is still the one of the seeds before.

    Args:
        name: an entry's name.
        run: the `Run` that `train` returned, or a run folder, of which all finished seeds count.
        table: title of the table.
        label: name of the row; a row of the same name is replaced.
        against: label of another row of the same table, or `"recorded"` for the entry's own
            results, with which a paired test over the common seeds compares the row.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        add: whether seeds that are recorded already, and not in this run, stay.

    Raises:
        ValueError: for a run with overrides and no label, seeds that ran on different data,
            versions or backends, weights of another backend than the one that runs, or an
            `against` that is not there.
        FileNotFoundError: when no seed of the run is finished, or the data are not there.
        OSError: when the entry cannot be written; it and its weights are then what they were.

    Example:

    >>> from kerasfuse import recipes
    >>> run = recipes.train("mica_mosei", "runs/backbone", overrides={"alpha": 0, "beta": 0})
    >>> recipes.record("mica_mosei", run, table="Table 5", label="backbone")
    """
    entry = zoo.entry(name)
    finished = _check_run(name, run)
    settings = check_request(finished.entry, table, label, against)
    found = summary(finished)
    rows = list(entry.results.get("rows", []))
    if label is None:
        _check_backend(finished)
        if add and entry.recorded:
            found = joined(entry.results, found)
        seconds = [each["seconds"] for each in finished.seeds.values()]
        # Not the mean: one seed on a machine that slept would be most of it.
        speed = {"training_seconds": round(statistics.median(seconds), 1)}
        results = {**found, "speed": {**found.get("speed", {}), **speed}}
        if rows:
            results["rows"] = rows
        if add and _ships_better(entry, finished):
            _compare(results)
            zoo.write(name, results=results)
            return
        best = seed_folder(finished.folder, finished.best_seed) / "best.weights.h5"
        absent = _absent(entry)
        with replaced(entry, best, finished.best_seed, results, data_dir, absent) as weights:
            _compare(results)
            zoo.write(name, weights=weights, results=results)
        return
    places = [(old["table"], old["label"]) for old in rows]
    row = {"table": table, "label": label, "settings": settings, **found}
    if add and (table, label) in places:
        row = joined(rows[places.index((table, label))], row)
    if against is not None:
        row["against"] = against
    if (table, label) in places:
        rows[places.index((table, label))] = row
    else:
        rows.append(row)
    results = {**entry.results, "rows": rows}
    _compare(results)
    zoo.write(name, results=results)


def check_request(
    entry: zoo.Entry,
    table: str | None = None,
    label: str | None = None,
    against: str | None = None,
) -> dict[str, Any]:
    """Refuse before a training what `record` would refuse after it.

    Args:
        entry: the `Entry` to train, overrides included.
        table, label, against: see `record`.

    Returns:
        Dict of the settings in which it differs from the entry of the zoo.

    Raises:
        ValueError: as `record`.
        OSError: when the entry cannot be written.
    """
    if (table is None) != (label is None) or (label is None and against is not None):
        raise ValueError(
            "expected table and label together, and against with them only. "
            f"Received: table={table!r}, label={label!r}, against={against!r}."
        )
    own = zoo.entry(entry.name)
    settings = differences(own.definition(), entry.definition())
    if label is None and settings:
        raise ValueError(
            "expected the entry's own recipe. Received: a run with "
            f"{', '.join(f'{key}={shown(value)}' for key, value in settings.items())}. Give it a "
            "table and a label, and it becomes a row of the entry's results."
        )
    rows = [row for row in own.results.get("rows", []) if row["table"] == table]
    _check_against(against, [label, *[row["label"] for row in rows], *["recorded"] * own.recorded])
    atomic.check_writable(zoo.folder())
    return settings


def _check_against(against, labels):
    if against not in (None, *labels):
        raise ValueError(
            "expected against to be the label of another row of the table, or 'recorded'. "
            f"Received: against={against!r}. "
            f"{nearest(against, labels)}"
        )


def _check_run(name: str, run: Run | str | os.PathLike[str]) -> Run:
    if not isinstance(run, Run):
        return read_run(name, run)
    if run.entry.name != name:
        raise ValueError(f"expected a run of {name}. Received: run, of {run.entry.name}.")
    return run


def summary(run):
    """Return what an entry's [results] say of a run."""
    for seed, results in run.seeds.items():
        check_shared(results, run.first, seed)
    tables = {
        split: {metric: _rounded(numbers) for metric, numbers in run.table(split).items()}
        for split in ("validation", "test")
    }
    found = {"seeds": list(run.seeds), **{key: run.first[key] for key in SHARED}}
    if "gate_search" in run.first:
        found["primary"] = [
            trained["gate_search"]["primary"]
            for results in run.seeds.values()
            for trained in results.get("folds", {"": results}).values()
        ]
    return {**found, **tables}


def _rounded(numbers):
    return {
        key: [round(x, 6) for x in value] if key == "per_seed" else round(value, 6)
        for key, value in numbers.items()
    }


def record_weights(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    absent: Sequence[str | Sequence[str]] = (),
) -> None:
    """Score an entry's weights as they lie in their file, and record that as their row.

    `record` does the same; this is for weights that came another way. Those in a large file are
    rounded to float16 first.

    Args:
        name: an entry's name.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        absent: modalities that are left out in turn, see `evaluate_without`: rows of the card,
            beside those that it has. They are scored anew whenever weights are recorded.

    Raises:
        ValueError: for an entry without recorded results, on another backend than theirs, and for
            names that are no modalities.
        FileNotFoundError: when weights or data are not there.
    """
    if hub.is_address(name):
        raise ValueError(
            "expected the name of a zoo entry, whose file can be written. "
            f"Received: name={str(name)!r}, an address."
        )
    entry = zoo.entry(name)
    if not entry.recorded:
        raise ValueError(
            f"expected an entry with recorded results. Received: name={name!r}, which has none. "
            f"Record them by `{entry.weights.made_by}`."
        )
    if entry.results["backend"] != backend.name():
        raise _other_backend(entry.results["backend"])
    path = zoo.weights_path(entry)
    results = {**entry.results}
    absent = [*_absent(entry), *absent]
    check_absent(absent, sizes(entry.model_args))
    with replaced(entry, path, entry.weights.seed, results, data_dir, absent) as weights:
        _compare(results)
        zoo.write(name, weights=weights, results=results)


def _absent(entry):
    return [tuple(row["modalities"]) for row in entry.results.get("absent", [])]


def _ships_better(entry, run):
    """Whether the entry's weights are better on validation than the best seed of a run."""
    if "shipped" not in entry.results or entry.weights.seed in run.seeds:
        return False
    monitor = entry.recipe.monitor
    scores = entry.results["shipped"]["validation"]
    # A loss that is a metric as well has that one's name.
    shipped = scores.get(monitor.removeprefix("val_"), scores.get(entry.recipe.loss))
    candidate = run.seeds[run.best_seed]["monitor"]
    return shipped <= candidate if lower_is_better(monitor) else shipped >= candidate


def _check_backend(run):
    if run.first["backend"] != backend.name():
        raise _other_backend(run.first["backend"])


def _other_backend(made_by):
    return ValueError(
        f"expected the backend that made the weights, {made_by}, to score them. Received: "
        f"{backend.name()}. Set KERAS_BACKEND={made_by}."
    )


def _compare(results):
    """Put p-values into every row that names what it is against: any of them may have changed."""
    rows = results.get("rows", [])
    for row in rows:
        if "against" not in row:
            continue
        others = {other["label"]: other for other in rows if other["table"] == row["table"]}
        if "seeds" in results:
            others["recorded"] = results
        _check_against(row["against"], others)
        other = others[row["against"]]
        common = [seed for seed in row["seeds"] if seed in other["seeds"]]
        for split in ("validation", "test"):
            for metric, numbers in row[split].items():
                numbers.pop("p", None)
                if len(common) > 1 and metric in other[split]:
                    pair = [
                        [side[split][metric]["per_seed"][side["seeds"].index(s)] for s in common]
                        for side in (row, other)
                    ]
                    numbers["p"] = float(f"{analysis.paired_test(*pair).p_value:.4g}")
