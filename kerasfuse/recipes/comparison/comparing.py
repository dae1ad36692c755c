"""Compare entries of the zoo on one data set."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasfuse import analysis, zoo
from kerasfuse.entries.recipe import check_seeds
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.comparison.table import Comparison, Row
from kerasfuse.recipes.costs.mean_steps import mean_steps
from kerasfuse.recipes.costs.speed import inference_speed, training_speed
from kerasfuse.recipes.execution.cluster import Executor, run_jobs
from kerasfuse.recipes.modulation import of_modalities
from kerasfuse.recipes.run import Run, read_run
from kerasfuse.recipes.run_folder import JOBS, check_run, is_run
from kerasfuse.recipes.scoring import check_fit, load_split
from kerasfuse.recipes.search.tuning import check_search, tune
from kerasfuse.recipes.tasks.defaults import RECOMMENDED
from kerasfuse.recipes.tasks.floors import floor
from kerasfuse.recipes.tasks.starting import named_after, starting_entry
from kerasfuse.recipes.training import begin, train


def compare(
    names: Iterable[str],
    run_dir: str | os.PathLike[str] = "runs",
    data: str | None = None,
    metric: str | None = None,
    seeds: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    verbose: str | int = "auto",
    report: Callable[[str], object] | None = None,
    tuned: int = 0,
    space: Mapping[str, Any] | None = None,
    task: str | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Train entries, or load what was found before, on one data set, and compare them.

    Each entry has a run folder of its own in `run_dir`, see `train`: calling this again trains only
    what is missing. An entry that records results of its own recipe on the same data is not
    trained, unless `seeds`, `overrides` or `data` ask for something else, or its folder is there.

    A linear model of averaged features is the floor of every table, see `floor`.

    Args:
        names: list of two or more different names of entries or finished runs; with `data` also of
            classes of models, and `"recommended"` for three small ones.
        run_dir: folder of the run folders.
        data: path of your own data, or name of a data set, that takes the place of the entries'
            own: sizes, task and units are taken from it as in `train`, and no entry's weights are
            begun with.
        metric: the test metric that is compared, by default the score of the first entry.
        seeds: whole numbers; by default each recipe's.
        overrides: dict of values for arguments of every model, the data or the recipe, by name.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        jobs, verbose, report: see `train`.
        tuned: the number of trials in which each model's settings are searched for before it is
            compared, see `tune`: the same for all. 0 for each entry's own settings.
        space: what is searched, the same for all; by default that of `tune` for each.
        task: with `data`, what labels are, see `train`.
        executor: an `Executor`: all seeds, and folds, of all entries are jobs of it, `jobs` of them
            at the same time.

    Returns:
        A `Comparison`, best model first.

    Raises:
        ValueError: for fewer than two names, entries on different data, a metric that one of them
            does not report, and what `train` refuses.
        FileNotFoundError: when the data are not there.

    Example:

    >>> from kerasfuse import recipes
    >>> found = recipes.compare(["lmf_mosi_utterance", "mfn_mosi_utterance"], seeds=[1, 2, 3])
    >>> print(found.markdown())
    """
    names = [each for name in names for each in (RECOMMENDED if name == "recommended" else [name])]
    if len(set(names)) < max(len(names), 2):
        raise ValueError(f"expected two or more different entries. Received: {names}.")
    overrides = dict(overrides or {})
    seeds = None if seeds is None else check_seeds(seeds)
    for what, value, least in (("jobs", jobs, 1), ("tuned", tuned, 0)):
        if type(value) is not int or value < least:
            raise ValueError(
                f"expected {what} to be a whole number from {least}. Received: {what}={value!r}."
            )
    runs: dict[str, Run] = {}
    if data is None:
        runs = {name: read_run(None, name) for name in names if is_run(name)}
        if runs and (overrides or tuned or seeds is not None):
            raise ValueError(
                "expected runs that are finished without overrides, seeds and trials. "
                f"Received: {', '.join(map(str, runs))} with them. Name the entries to train anew."
            )
        entries = [
            runs[name].entry if name in runs else zoo.entry(name).override(overrides)
            for name in names
        ]
    else:
        starts = [
            starting_entry(name, data, data_dir, overrides, task, from_scratch=True)
            for name in names
        ]
        for line in starts[0].told if report else ():
            report(line)
        entries = [named_after(start) for start in starts]
    place = data_dir if data is None else starts[0].data_dir
    places = [data_dir or runs[name].data_dir if name in runs else place for name in names]
    metric = metric or entries[0].recipe.score
    for entry in entries:
        reported = [m.name for m in entry.recipe.make_metrics()]
        if metric not in reported:
            raise ValueError(
                f"expected a metric that every entry reports. Received: metric={metric!r}, where "
                f"{entry.name} has {', '.join(reported)}."
            )

    tests = [
        load_split(entry, "test", where, shuffle=False)
        for entry, where in zip(entries, places, strict=True)
    ]
    _check_one_data_set(entries, tests)
    folders = [
        pathlib.Path(run_dir, name if data is None else entry.name)
        for name, entry in zip(names, entries, strict=True)
    ]
    asked = seeds is not None or bool(overrides) or bool(tuned) or data is not None
    recorded = [
        entry.recorded and not asked and name not in runs and not folder.is_dir()
        for name, entry, folder in zip(names, entries, folders, strict=True)
    ]
    # Before the first is trained, all that the last could be refused for.
    for i, (name, entry) in enumerate(zip(names, entries, strict=True)):
        found = check_fit(entry, places[i])
        if tuned:
            check_search(
                name,
                space,
                tuned,
                pathlib.Path(run_dir, f"tune-{name}"),
                seeds=seeds,
                overrides=overrides,
                data_dir=data_dir,
                data=data,
                task=task,
            )
        elif not recorded[i] and name not in runs:
            check_run(folders[i], entry, found)
    training = {
        **{"seeds": seeds, "overrides": overrides, "data_dir": data_dir, "jobs": jobs},
        **{"data": data, "task": task, "from_scratch": data is not None},
    }
    if executor is not None and not tuned:
        executor.check()
        tasks = {}
        for i, name in enumerate(names):
            if not recorded[i] and name not in runs:
                begun = begin(name, folders[i], **training)
                tasks |= {f"{name}, {label}": task for label, task in begun.tasks.items()}
        run_jobs(executor, tasks, jobs, pathlib.Path(run_dir, JOBS), report)
    steps = mean_steps(tests[0])
    rows = []
    for i, (name, entry, test) in enumerate(zip(names, entries, tests, strict=True)):
        if recorded[i]:
            scores = {m: found["per_seed"] for m, found in entry.results["test"].items()}
            trained = entry.results["seeds"]
        else:
            if name in runs:
                run = runs[name]
            elif tuned:
                named = (name, run_dir, data, task)
                run = _tuned(
                    named, seeds, overrides, data_dir, jobs, report, tuned, space, executor
                )
                entry = run.entry
            else:
                run = train(name, folders[i], verbose=verbose, report=report, **training)
            trained = list(run.seeds)
            scores = {
                m: [found["test"][m] for found in run.seeds.values()] for m in run.first["test"]
            }
        if report:
            report(f"{name}: measuring its speed")
        model = entry.build()
        rows.append(
            Row(
                name=str(name),
                per_seed=dict(zip(trained, scores[metric], strict=True)),
                parameters=model.count_params(),
                multiply_adds=analysis.multiply_adds(model, steps),
                inference_speed=inference_speed(model, test),
                # Last of all: it changes the weights.
                training_speed=training_speed(model, entry, load_split(entry, "train", places[i])),
                of_modalities={
                    m: scores[m] for m in of_modalities(entry.recipe.score, model) if m in scores
                },
                is_recorded=recorded[i],
                trials=tuned,
            )
        )
    lowest = floor(entries[0], metric, places[0])
    return Comparison(metric, entries[0].data_name, _ranked(rows, metric), steps, lowest)


def _tuned(named, seeds, overrides, data_dir, jobs, report, trials, space, executor):
    """Search one entry's settings and return the run of the best ones."""
    name, run_dir, data, task = named
    say = report or (lambda line: None)
    found = tune(
        name,
        space,
        trials,
        pathlib.Path(run_dir, f"tune-{name}"),
        seeds=seeds,
        overrides=overrides,
        data_dir=data_dir,
        jobs=jobs,
        report=lambda line: say(f"{name}, {line}"),
        data=data,
        task=task,
        executor=executor,
    )
    return found.tuned


def _check_one_data_set(entries, tests):
    """Raise a ValueError unless all are scored on the same samples, however these are laid out."""
    first, samples = entries[0], tests[0]
    for entry, test in zip(entries, tests, strict=True):
        same = entry.data_name == first.data_name and np.array_equal(test.labels, samples.labels)
        if not same or list(test.ids) != list(samples.ids):
            raise ValueError(
                f"expected entries on one data set. Received: {first.name} on {first.data_name} "
                f"with {first.data_args}, {samples.num_samples} test samples; {entry.name} on "
                f"{entry.data_name} with {entry.data_args}, {test.num_samples}. Give both the same "
                "with overrides, or another with data."
            )


def _ranked(rows, metric):
    """Sort rows, best first, and test each against the best over the seeds in common."""
    sign = 1 if lower_is_better(metric) else -1
    best, *others = sorted(rows, key=lambda row: sign * row.numbers["mean"])
    tested = [best]
    for row in others:
        shared = [seed for seed in row.per_seed if seed in best.per_seed]
        p_value = None
        if len(shared) > 1:
            pairs = [[r.per_seed[seed] for seed in shared] for r in (row, best)]
            p_value = analysis.paired_test(*pairs).p_value
        tested.append(dataclasses.replace(row, p_value=p_value))
    return tested
