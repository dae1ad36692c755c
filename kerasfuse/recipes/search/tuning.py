"""Search hyper-parameters on validation, and measure what the search was worth on fresh seeds."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasfuse import analysis, atomic, hub, zoo
from kerasfuse.entries.recipe import check_seeds
from kerasfuse.entries.serialization import plain, to_toml
from kerasfuse.kinds import check_count
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.execution.cluster import Executor, run_jobs
from kerasfuse.recipes.execution.processes import run_processes
from kerasfuse.recipes.run import Run, read_run
from kerasfuse.recipes.run_folder import JOBS, as_started, differences, read_recipe
from kerasfuse.recipes.scoring import check_fit
from kerasfuse.recipes.search import space as spaces
from kerasfuse.recipes.search.settings import (
    Settings,
    is_search,
    read_settings,
    write_settings,
)
from kerasfuse.recipes.search.study import check_names, optuna
from kerasfuse.recipes.search.trials import (
    SPLITS,
    Trial,
    default_of,
    read_trials,
    study_of,
    work,
)
from kerasfuse.recipes.tasks.starting import named_after, starting_entry
from kerasfuse.recipes.training import train

# Fewer different values decide nothing.
_LEAST_TRIALS = 4
_JOURNAL = "journal.log"
_ENDED = ("finished", "pruned", "failed")


@dataclasses.dataclass(frozen=True)
class Search:
    """Hold what a search found.

    Args:
        entry: the `Entry` that was searched, with its defaults.
        folder: of the search.
        trials: list of `Trial`.
        importance: dict of argument to its share of what decided the value, by PED-ANOVA (Watanabe
            et al., IJCAI 2023); empty where there are too few trials to say.
        tuned: the `Run` of the best setting on fresh seeds; `None` where there was none.
        default: that of the entry's own setting on the same seeds.
    """

    entry: zoo.Entry
    folder: pathlib.Path
    trials: list[Trial]
    importance: dict[str, float]
    tuned: Run | None = None
    default: Run | None = None

    @property
    def best(self) -> Trial:
        """The finished trial that is best on validation."""
        finished = [trial for trial in self.trials if trial.state == "finished"]
        choose = min if lower_is_better(self.entry.recipe.monitor) else max
        return choose(finished, key=lambda trial: trial.value)

    @property
    def pruned(self) -> float:
        """The share of the trials that were stopped early."""
        return sum(trial.state == "pruned" for trial in self.trials) / len(self.trials)

    @property
    def optimism(self) -> float:
        """By how much the best trial's validation is better than its setting's on fresh seeds.

        The best of many is chosen for its luck, too. What is positive here is what the search
        promised and did not keep.
        """
        fresh = np.mean([results["monitor"] for results in self._run("tuned").seeds.values()])
        gap = self.best.value - float(fresh)
        return -gap if lower_is_better(self.entry.recipe.monitor) else gap

    def gain(self, metric: str | None = None) -> Any:
        """Test the best setting against the default on the test split, paired by fresh seed.

        Args:
            metric: by default the entry's score.

        Returns:
            A `kerasfuse.analysis.PairedTest` of best minus default.
        """
        metric = metric or self.entry.recipe.score
        tuned, default = self._run("tuned"), self._run("default")
        pairs = [[run.seeds[s]["test"][metric] for s in tuned.seeds] for run in (tuned, default)]
        return analysis.paired_test(*pairs)

    def default_of(self, name: str) -> Any:
        """Return what the entry says of an argument; `None` where it leaves that to the model."""
        return default_of(self.entry, name)

    def _run(self, name):
        run = getattr(self, name)
        if run is None:
            raise ValueError(
                "expected a search whose best setting was trained on fresh seeds. "
                f"Received: one in {str(self.folder)!r} that ended before: give seeds to tune."
            )
        return run


def tune(
    name: str,
    space: Mapping[str, Any] | None = None,
    trials: int = 40,
    run_dir: str | os.PathLike[str] | None = None,
    *,
    seeds: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    sampler: str = "tpe",
    pruner: str = "median",
    storage: str | os.PathLike[str] | None = None,
    search_seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    report: Callable[[str], object] | None = None,
    data: str | os.PathLike[str] | None = None,
    task: str | None = None,
    executor: Executor | None = None,
) -> Search:
    """Search an entry's arguments on validation, then measure the best setting on fresh seeds.

    Every trial is a training run of one seed in a folder of its own, `trial_0000` and so on, which
    never reads the test split, and which is stopped early where the pruner sees no hope. At the end
    the best setting and the entry's own are trained on `seeds`, which no trial has seen, and scored
    on test: only these scores are comparable with anything. Calling this again goes on where it
    stopped; with more trials the search continues.

    Args:
        name: an entry's name.
        space: what is chosen from: dict of argument, as `train` takes it in `overrides`, to a dict
            of `low` and `high` (with `log = True` or a `step`; whole numbers if both are), or of
            `choices`; and perhaps `when`, a dict of other arguments to the values at which this one
            counts. By default the learning rate, weight decay and dropout around the recipe's.
        trials: how many there are in all, on all machines together.
        run_dir: folder of the search; `runs/tune-<name>` by default.
        seeds: fresh ones for the final comparison; the recipe's by default. With none the search
            ends with the last trial.
        overrides: dict of values that hold for every trial, and for the default too.
        sampler: `"tpe"`, `"random"`, `"gp"` or `"qmc"`.
        pruner: `"median"`, `"halving"`, `"hyperband"` or `"none"`.
        storage: path of a journal file that several machines share, or the URL of a database; by
            default a journal in the folder.
        search_seed: seed of every trial, and of the sampler.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        jobs: trials at the same time, each in a process of its own on one thread.
        report: called with one line of text when a trial ends.
        data: path of your own data, or name of a data set, as in `train`; with it the name may be
            that of a class of model.
        task: with `data`, what labels are, see `train`.
        executor: an `Executor`: `jobs` jobs of it train the trials, and then the fresh seeds.

    Returns:
        A `Search`.

    Raises:
        ValueError: for a space that is empty, contradicts itself or names no argument, a damaged
            storage, fresh seeds that are not fresh, and a folder of another search.
        FileNotFoundError: when the data are not there.
        ImportError: Optuna is missing.

    Example:

    >>> from kerasfuse import recipes
    >>> found = recipes.tune(
    ...     "lmf_mosi_utterance", {"rank": {"low": 1, "high": 8}}, trials=20, jobs=2
    ... )
    >>> found.best.settings, found.optimism, found.gain().p_value
    """
    report = report or (lambda line: None)
    settings, entry, seeds = check_search(
        name,
        space,
        trials,
        run_dir,
        seeds=seeds,
        overrides=overrides,
        data=data,
        task=task,
        sampler=sampler,
        pruner=pruner,
        storage=storage,
        search_seed=search_seed,
        data_dir=data_dir,
        jobs=jobs,
    )
    if executor is not None:
        executor.check()
    folder = _folder(entry.name, run_dir)
    # A storage that does not answer leaves no folder behind, nor a bad folder a storage.
    with atomic.making(folder):
        study = study_of(settings, entry)
        _write(folder, entry, settings)
    if jobs > 1 or executor is not None:
        _workers(folder, jobs, study, report, executor)
    else:
        work(folder, report)
    found = Search(entry, folder, read_trials(study), _importance(study))
    if not any(trial.state == "finished" for trial in found.trials):
        errors = [trial.error for trial in found.trials if trial.error] or ["none was finished"]
        raise ValueError(
            f"expected a trial that trains. Received: {len(found.trials)} that do not: {errors[0]}"
        )
    if not seeds:
        return found
    runs = {}
    for label, chosen in (("tuned", found.best.settings), ("default", {})):
        report(f"{label}: {len(seeds)} fresh seeds")
        runs[label] = train(
            name,
            folder / label,
            seeds,
            {**(overrides or {}), **chosen},
            data_dir,
            jobs,
            verbose=0,
            report=lambda line, label=label: report(f"{label}, {line}"),
            data=data,
            task=task,
            from_scratch=data is not None,
            executor=executor,
        )
    return dataclasses.replace(found, **runs)


def check_search(
    name: str,
    space: Mapping[str, Any] | None = None,
    trials: int = 40,
    run_dir: str | os.PathLike[str] | None = None,
    *,
    seeds: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    sampler: str = "tpe",
    pruner: str = "median",
    storage: str | os.PathLike[str] | None = None,
    search_seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    data: str | os.PathLike[str] | None = None,
    task: str | None = None,
) -> tuple[Settings, zoo.Entry, tuple[int, ...]]:
    """Refuse what `tune` would refuse, before anything is trained or written.

    Args:
        name, space, trials, run_dir, seeds, overrides, sampler, pruner, storage, search_seed,
            data_dir, jobs, data, task: as in `tune`.

    Returns:
        The `Settings` of the search, the `Entry` that is searched, and the fresh seeds.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `tune`.
    """
    optuna()
    check_names(sampler, pruner)
    if data is not None:
        start = starting_entry(name, data, data_dir, overrides, task, from_scratch=True)
        entry, data_dir = as_started(named_after(start)), start.data_dir
    elif hub.is_address(name) and not zoo.is_file(name):
        raise ValueError(f"expected the name of a zoo entry. Received: name={str(name)!r}.")
    else:
        entry = as_started(zoo.entry(name).override(overrides or {}))
    seeds = entry.recipe.seeds if seeds is None else seeds
    seeds = check_seeds(seeds) if len(seeds) else ()
    if search_seed in seeds:
        raise ValueError(
            "expected fresh seeds, which the search does not see. "
            f"Received: seeds={list(seeds)}, search_seed={search_seed}."
        )
    check_count("trials", trials)
    check_count("jobs", jobs)
    space = spaces.default_space(entry) if space is None else dict(space)
    _check_space(entry, spaces.parse(space))
    folder = _folder(entry.name, run_dir)
    # Before the folder is made: what cannot be built or read leaves nothing behind.
    check_fit(entry, data_dir, SPLITS)
    settings = Settings(
        search=secrets.token_hex(8),
        study=f"{entry.name}-{_digest(entry)}",
        space=space,
        trials=trials,
        seed=search_seed,
        sampler=sampler,
        pruner=pruner,
        storage=_absolute(storage or folder / _JOURNAL),
        data_dir=None if data_dir is None else _absolute(data_dir),
    )
    return _of_folder(folder, entry, settings), entry, seeds


def read_search(run_dir: str | os.PathLike[str]) -> Search:
    """Read what a search found, from its folder.

    Args:
        run_dir: the folder.

    Returns:
        A `Search`.

    Raises:
        FileNotFoundError: when there is no search in the folder.
        ValueError: when its storage is damaged.
    """
    folder = pathlib.Path(run_dir)
    if not is_search(folder):
        raise FileNotFoundError(
            "expected the folder of a search, as `kerasfuse tune` makes them. "
            f"Received: run_dir={str(run_dir)!r}, which holds no search.json."
        )
    entry = read_recipe(folder)
    study = study_of(read_settings(folder), entry)
    runs = {}
    for label in ("tuned", "default"):
        try:
            runs[label] = read_run(None, folder / label)
        except FileNotFoundError:  # not yet
            runs[label] = None
    return Search(entry, folder, read_trials(study), _importance(study), **runs)


def _absolute(place):
    """Return a path as any process can read it; a URL as it is."""
    text = os.fspath(place)
    return text if "://" in text else str(pathlib.Path(text).absolute())


def _check_space(entry, parameters):
    """Raise a ValueError for a name that is no argument, and a value that it cannot have."""
    by_name = {parameter.name: parameter for parameter in parameters}
    for parameter in parameters:
        for value in parameter.extremes:
            entry.override({**_conditions(parameter, by_name), parameter.name: value})


def _conditions(parameter, by_name):
    """Return the values at which an argument counts, and at which these count."""
    found = {}
    for name, value in parameter.when.items():
        if name in by_name:
            found |= _conditions(by_name[name], by_name)
        found[name] = value
    return found


def _folder(name, run_dir):
    return pathlib.Path(run_dir or pathlib.Path("runs", f"tune-{name}"))


def _of_folder(folder, entry, settings):
    """Return the settings of the search that a folder is of, if it is one."""
    if is_search(folder):
        before = read_settings(folder)
        changed = differences(read_recipe(folder).definition(), entry.definition())
        changed |= {
            name: getattr(settings, name)
            for name in ("space", "seed", "sampler", "pruner", "storage")
            if getattr(before, name) != getattr(settings, name)
        }
        if changed:
            raise ValueError(
                f"expected the folder of the same search. Received: {str(folder)!r}, whose search "
                f"has other values for {', '.join(changed)}. Choose another folder."
            )
        return dataclasses.replace(settings, search=before.search)
    # What is hidden, and the journal, are there if a search was killed before its settings.
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if {name for name in names if not name.startswith(".")} - {hub.ENTRY_FILE, _JOURNAL}:
        raise ValueError(
            "expected a new or empty folder, or one of an earlier search. "
            f"Received: run_dir={str(folder)!r}, which holds other files."
        )
    return settings


def _write(folder, entry, settings):
    if not is_search(folder):
        with atomic.replacing(folder / hub.ENTRY_FILE) as temporary:
            temporary.write_text(to_toml(entry), encoding="utf-8")
    # Last: where it is, the folder is a search.
    write_settings(folder, settings)


def _digest(entry):
    """Tell searches of one entry apart in a storage that they share."""
    text = json.dumps(plain(entry.definition()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _workers(folder, jobs, study, report, executor):
    """Let several processes or jobs train trials, and report each trial as it ends."""
    told = {trial.number for trial in read_trials(study) if trial.state in _ENDED}

    def tell():
        for trial in read_trials(study):
            if trial.state in _ENDED and trial.number not in told:
                told.add(trial.number)
                report(trial.line)

    place = str(folder.absolute())
    tasks = {f"worker {i}": ([place], folder / f"worker_{i}.txt") for i in range(jobs)}
    if executor is None:
        run_processes(tasks, jobs, watch=tell)
    else:
        run_jobs(executor, tasks, jobs, folder / JOBS, report, watch=tell)
    tell()


def _importance(study):
    """Return what decided the value; nothing where that cannot be said."""
    finished = [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]
    if len({trial.value for trial in finished}) < _LEAST_TRIALS:
        return {}
    try:
        found = optuna().importance.get_param_importances(study)
    except (ValueError, RuntimeError):  # no argument that every trial has
        return {}
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}
