"""Train an entry's model by its recipe, seed by seed, so that a killed run can go on."""

import contextlib
import dataclasses
import functools
import importlib.metadata
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerasfuse import __version__, atomic, backend, hub, zoo
from kerasfuse.datasets import ModalityDropout
from kerasfuse.entries.callbacks import make_callbacks
from kerasfuse.entries.recipe import check_seeds
from kerasfuse.kinds import check_count
from kerasfuse.metrics import conventions
from kerasfuse.recipes import folds
from kerasfuse.recipes.costs.peak_memory import peak_memory
from kerasfuse.recipes.execution.cluster import Executor, run_jobs
from kerasfuse.recipes.execution.devices import ALONE, check_way, joined
from kerasfuse.recipes.execution.processes import run_processes, training_tasks
from kerasfuse.recipes.execution.states import failures_kept
from kerasfuse.recipes.gate_search import search_gate
from kerasfuse.recipes.modulation import balanced, histories, score_modalities
from kerasfuse.recipes.predictions import keep_predictions
from kerasfuse.recipes.run import Run, read_run
from kerasfuse.recipes.run_folder import (
    JOBS,
    LOCK,
    is_finished,
    is_whole,
    keeps_epochs,
    open_run,
    read_data,
    seed_folder,
)
from kerasfuse.recipes.run_model import write_model
from kerasfuse.recipes.scoring import (
    SPLITS,
    check_fit,
    checksum,
    compile_model,
    constant_scores,
    load_split,
    score_all,
)
from kerasfuse.recipes.tasks.preparing import prepared, refresh_companions, weigh_classes
from kerasfuse.recipes.tasks.starting import is_model, named_after, starting_entry
from kerasfuse.recipes.text_preset import load_text_preset
from kerasfuse.training.callbacks import AverageWeights, KeepEpochs, RunCheckpoint
from kerasfuse.training.storage import round_weights, stored_dtype


def train(
    name: str,
    run_dir: str | os.PathLike[str] | None = None,
    seeds: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    verbose: str | int = "auto",
    report: Callable[[str], object] | None = None,
    keep_epochs: bool = False,
    data: str | os.PathLike[str] | None = None,
    task: str | None = None,
    from_scratch: bool = False,
    executor: Executor | None = None,
    distribute: str | None = None,
) -> Run:
    """Train an entry's model by its recipe, once per seed, and keep everything in a folder.

    With `data`, any class of model and any entry is trained on any data: sizes come from the data,
    outputs, loss, metrics and score from the labels; features and labels that are numbers are
    standardised in the model (`kerasfuse.models.Scaled`); an entry's weights are what training
    begins with, as far as they fit.

    Every run chooses its weights on validation and scores validation and test once, at its end.
    The folder is an entry of its own: `zoo.load("runs/name")` loads the weights of the seed that is
    best on validation. It holds `entry.toml`, with recipe and results; those weights; `run.json`,
    which says what data it is on; and for each seed `history.csv`, `best.weights.h5`,
    `predictions.npz` (ids, labels and outputs of the test split) and `results.json`; with folds,
    each has a folder of its own in the seed's. Calling this again with
    the same folder goes on where it stopped: finished seeds are kept, a killed one continues after
    its last whole epoch with the weights, optimizer, schedules, order of samples and random numbers
    it would have had; on one machine and backend that gives the result of a run that was never
    killed. A recipe with a `gate_search` begins with one, see `search_gate`, and then trains with
    the gate frozen. One with `companions` trains on batches that hold them, one with
    `drop_modality` on batches that lack modalities at random; one with a
    `modulation` trains under that strategy, and scores every modality,
    see `score_modalities`.

    Args:
        name: an entry's name, or the path of an entry's toml file; with `data` also the name of a
            class of `kerasfuse.models`, or a run folder.
        run_dir: the run folder; by default `runs/` and the name, that of the data with it.
        seeds: whole numbers; the recipe's by default.
        overrides: dict of values for arguments of the model, the data or the recipe, by name.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`.
        jobs: seeds trained at the same time, each in its own process on one thread; output goes to
            `log.txt` in each seed's folder.
        verbose: as in `keras.Model.fit`, for `jobs=1`.
        report: called with one line of text when a seed starts or ends.
        keep_epochs: whether the weights of every epoch stay in the folder, in float16, so that
            all can be scored later.
        data: path of your own data, see `kerasfuse.datasets.own`, or name of a data set.
        task: what labels are, `"number"`, `"numbers"`, `"binary"`, `"classes"` or `"multilabel"`;
            read from them by default.
        from_scratch: with `data`, begin with random weights and not with the entry's.
        executor: an `Executor`, whose jobs train each seed, and each fold of it, `jobs` of them at
            the same time; by default the processes of this machine.
        distribute: `"data"` to train on several devices, each with its share of every batch: with
            jax on those that it sees, with PyTorch in the processes that torchrun starts, all of
            which see the folder. What is trained is what one device would train, but for dropout
            and for batch norm, which with PyTorch takes the share alone.

    Returns:
        A `Run`.

    Raises:
        ValueError: for an unknown entry or override, a value that does not fit, or a folder that
            holds another recipe, or the same on other data; for more devices than samples in a
            batch, and processes that disagree on data or seeds.
        OSError: when the folder cannot be written to, or another process trains a seed in it.
        FileNotFoundError: when the data are not there.

    Example:

    >>> from kerasfuse import recipes
    >>> run = recipes.train(
    ...     "mica_mosei", "my-run", seeds=[1], verbose=0,
    ...     overrides={"num_layers": 1, "num_samples": 60, "epochs": 1},
    ... )
    >>> sorted(run.table("test")["mae"])
    ['baseline', 'mean', 'per_seed']
    """
    report = report or (lambda line: None)
    check_way(distribute, jobs, executor)
    with joined(distribute, report) as devices:
        report = report if devices.is_first else (lambda line: None)
        begun = begin(
            name,
            run_dir,
            seeds,
            overrides,
            data_dir,
            jobs,
            report,
            keep_epochs,
            data,
            task,
            from_scratch,
            executor,
            devices,
        )
        entry, folder, waiting = begun.entry, begun.folder, begun.waiting
        if waiting and executor is not None:
            run_jobs(executor, begun.tasks, jobs, folder / JOBS, report)
        elif jobs > 1 and len(waiting) > 1:
            run_processes(training_tasks(folder, waiting), jobs, report)
            waiting = []
        for seed in waiting:
            # After jobs, what is left is to join the folds of each seed.
            if executor is None:
                report(f"seed {seed}: starts")
            train_seed(entry, folder, seed, verbose, devices=devices)
            if executor is None:
                report(f"seed {seed}: finished")
        devices.together(lambda: write_model(read_run(entry.name, folder), folder), first_only=True)
    return read_run(entry.name, folder, begun.seeds)


@dataclasses.dataclass(frozen=True)
class Begun:
    """Hold a run whose folder is made, and what is left to train in it.

    Args:
        entry: the `Entry`, overrides included.
        folder: the run folder.
        seeds: list of the seeds that were asked for.
        waiting: those of them that are not finished.
    """

    entry: zoo.Entry
    folder: pathlib.Path
    seeds: list[int]
    waiting: list[int]

    @property
    def tasks(self):
        """What is left as tasks of `run_jobs`."""
        return training_tasks(self.folder, self.waiting, self.entry.recipe.folds)


def begin(
    name,
    run_dir=None,
    seeds=None,
    overrides=None,
    data_dir=None,
    jobs=1,
    report=lambda line: None,
    keep_epochs=False,
    data=None,
    task=None,
    from_scratch=False,
    executor=None,
    devices=ALONE,
):
    """Check what `train` is asked for, and make the run folder; return a `Begun`.

    Arguments and what is raised are those of `train`; `devices` are `Devices`. Nothing is trained.
    """

    def check():
        where = data_dir
        if data is not None:
            start = starting_entry(name, data, data_dir, overrides, task, from_scratch)
            entry, where = named_after(start), start.data_dir
            for line in start.told:
                report(line)
        else:
            entry = _entry(name, task, from_scratch).override(overrides or {})
        chosen = check_seeds(entry.recipe.seeds if seeds is None else seeds)
        check_count("jobs", jobs)
        if executor is not None:
            executor.check()
        found = check_fit(entry, where)
        devices.check_size(entry.recipe.batch_size, found.samples["train"])
        return entry, chosen, found

    # Before the folder is made: what cannot be built or read leaves nothing behind.
    entry, seeds, found = devices.together(check)
    devices.agree(seeds=list(seeds), recipe=entry.definition(), data=found.sha256)
    folder = pathlib.Path(run_dir or pathlib.Path("runs", entry.name))
    devices.together(lambda: open_run(folder, entry, found, keep_epochs), first_only=True)
    waiting = devices.word(lambda: [seed for seed in seeds if not is_finished(folder, seed)])
    for seed in seeds:
        if seed not in waiting and devices.is_first:
            atomic.release(seed_folder(folder, seed) / LOCK)
            report(f"seed {seed}: already finished")
    return Begun(entry, folder, list(seeds), waiting)


def _entry(name, task, from_scratch):
    """Return the entry that is trained on its own data."""
    if is_model(name):
        raise ValueError(
            f"expected data beside the class of a model. Received: name={name!r} without. Say "
            "which: --data samples.csv, or the name of a data set."
        )
    if task is not None or from_scratch:
        raise ValueError(
            "expected task and from_scratch beside data; an entry has both in its recipe. "
            f"Received: task={task!r}, from_scratch={from_scratch!r}."
        )
    if hub.is_address(name) and not zoo.is_file(name):
        raise ValueError(
            "expected the name of a zoo entry, as a run folder names its recipe. Received: "
            f"name={str(name)!r}, an address. Load the model with zoo.load, and call fit; or name "
            "data to fine-tune it on."
        )
    return zoo.entry(name)


def train_seed(
    entry, run_folder, seed, verbose="auto", callbacks=(), stops=(), fold=None, devices=ALONE
):
    """Train and score one seed of an entry in a run folder, going on where it stopped.

    Args:
        entry: an `Entry`.
        run_folder: a folder that `open_run` made.
        seed: whole number.
        verbose: as in `keras.Model.fit`.
        callbacks: further ones, called once an epoch is safe on disk.
        stops: classes of what these raise to stop a training, which is no failure.
        fold: the only fold to train; by default all of the recipe, whose results are then joined.
        devices: `Devices` that train together.

    Raises:
        BlockingIOError: when another process trains it.
        ValueError: when the data are not those that the run folder is of.
    """
    folder = seed_folder(run_folder, seed)
    whole = folder if fold is None else folds.fold_folder(folder, fold)
    with contextlib.ExitStack() as held:
        # A seed's folds may be trained by others meanwhile, each under a lock of its own.
        devices.together(lambda: held.enter_context(_alone(whole, not entry.recipe.folds)), True)
        if devices.is_first:
            held.enter_context(failures_kept(whole, stops))
        if devices.word(lambda: is_whole(whole)):
            return
        data = read_data(run_folder)
        train_once = functools.partial(
            _train_once,
            seed=seed,
            keep_epochs=keeps_epochs(run_folder),
            verbose=verbose,
            callbacks=callbacks,
            devices=devices,
        )
        for each in entry.recipe.folds if fold is None else [fold]:
            # The run's checksum is that of the fold that the entry's data name.
            of_fold = data if each == entry.data_args["fold"] else data.without_checksum()
            place = folds.fold_folder(folder, each)
            alone = place != whole and devices.is_first
            with _alone(place) if alone else contextlib.nullcontext():
                train_once(entry.on_fold(each), place, data=of_fold)
        if not entry.recipe.folds:
            train_once(entry, folder, data=data)
        elif fold is None:
            devices.together(lambda: folds.join(entry, folder), first_only=True)


@contextlib.contextmanager
def _alone(folder, sweep=True):
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(atomic.locked(folder / LOCK, wait=False))
        except BlockingIOError:
            raise BlockingIOError(
                "expected a run that no other process trains. "
                f"Received: {str(folder)!r}, which one trains now. Wait until it ends, or choose "
                "another folder."
            ) from None
        if sweep:
            atomic.sweep(folder)
        yield


def _train_once(entry, folder, seed, data, keep_epochs, verbose, callbacks, devices=ALONE):
    if devices.word(lambda: is_whole(folder)):
        return
    recipe, data_dir = entry.recipe, data.folder
    keras.utils.set_random_seed(seed)
    splits = {split: load_split(entry, split, data_dir, seed) for split in data.samples or SPLITS}
    devices.together(lambda: data.check(checksum(splits), folder))
    model, best = prepared(entry, splits["train"]), entry.build()
    if recipe.class_weights is not None:
        weigh_classes(splits["train"], recipe)
    if recipe.text_preset is not None:
        load_text_preset(model, recipe.text_preset)
    trained = balanced(model, recipe.modulation)
    compile_model(trained, entry, steps=len(splits["train"]))
    gate = None
    if recipe.gate_search:
        gate = search_gate(model, best, entry, folder, seed, data_dir, verbose, devices)
    mode = conventions.mode(recipe.monitor)
    counting = [
        keras.callbacks.EarlyStopping(recipe.monitor, patience=recipe.early_stopping, mode=mode)
    ]
    if recipe.plateau_factor is not None:
        plateau = keras.callbacks.ReduceLROnPlateau(
            recipe.monitor,
            factor=recipe.plateau_factor,
            patience=recipe.plateau_patience,
            mode=mode,
        )
        counting.insert(0, plateau)
    averaging = [AverageWeights()] if recipe.average_weights else []
    checkpoint = RunCheckpoint(folder, best, recipe.monitor, mode, seed, [*counting, *averaging])
    done, initial_epoch = devices.word(lambda: (checkpoint.done, checkpoint.initial_epoch))
    if not done:
        train = splits["train"]
        train.epoch = initial_epoch
        watching = [*histories(recipe.modulation), *make_callbacks(recipe.callbacks, folder)]
        if keep_epochs:
            watching.append(KeepEpochs(folder / "epochs", best))
        companions = None
        if recipe.companions is not None:
            refresh = refresh_companions(entry, train, folder / "companions.npz")
            train = companions = refresh.companions
            refresh.restore()
            watching.append(refresh)
        if recipe.drop_modality:
            train = ModalityDropout(train, recipe.drop_modality)
        devices.attach(trained)
        trained.fit(
            epochs=recipe.epochs,
            initial_epoch=initial_epoch,
            # Keras would shuffle whole batches once more, by a generator that nothing restores.
            shuffle=False,
            **devices.training(
                train,
                splits["validation"],
                [*watching, *counting, checkpoint, *averaging, *callbacks],
                seed,
                verbose,
                companions,
            ),
        )
    devices.together(
        lambda: _finish(entry, folder, seed, best, splits, checkpoint, gate, verbose), True
    )


def _finish(entry, folder, seed, best, splits, checkpoint, gate, verbose):
    """Score the best epoch of a training, and keep what it was for."""
    recipe = entry.recipe
    if checkpoint.best_weights is None:
        raise ValueError(
            f"expected an epoch with finite weights, loss and {recipe.monitor}. Received: none in "
            f"{recipe.epochs} epochs of {entry.name}, seed {seed}. Lower learning_rate or "
            "clip_norm."
        )
    if not (folder / "results.json").exists():
        checkpoint.restore_best()
        # What is scored is what an entry would hold.
        round_weights(best, stored_dtype(checkpoint.best_weights))
        if "test" in splits:
            keep_predictions(folder, best, splits["test"])
        results = _results(entry, seed, best, splits, checkpoint.state)
        if gate is not None:
            results["gate_search"] = gate
        if recipe.modulation is not None and "test" in splits:
            scores = score_modalities(best, entry, splits, folder, seed, verbose)
            for split, found in scores.items():
                results[split] |= found
        with atomic.replacing(folder / "results.json") as temporary:
            temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    checkpoint.finish()
    (folder / "companions.npz").unlink(missing_ok=True)


def _results(entry, seed, model, splits, state):
    scored = [split for split in ("validation", "test") if split in splits]
    scores = score_all(model, entry, {split: splits[split] for split in scored})
    train_labels = splits["train"].labels
    return {
        "seed": seed,
        "monitor": state["best"],
        "best_epoch": state["best_epoch"],
        "epochs": state["epoch"],
        "seconds": round(sum(row["seconds"] for row in state["history"]), 1),
        "peak_memory": peak_memory(),
        "parameters": model.count_params(),
        "backend": backend.name(),
        "versions": {
            "kerasfuse": __version__,
            "keras": keras.__version__,
            backend.name(): importlib.metadata.version(backend.name()),
            "numpy": np.__version__,
        },
        "data_sha256": checksum(splits),
        **scores,
        "baseline": {
            split: constant_scores(entry.recipe, train_labels, splits[split].labels)
            for split in scores
        },
    }
