"""The trials of a search: who trains which, and what became of each."""

import contextlib
import dataclasses
import functools
import pathlib
from typing import Any

import keras

from kerasfuse import atomic
from kerasfuse.recipes.run_folder import (
    open_run,
    read_history,
    read_recipe,
    read_results,
    seed_folder,
)
from kerasfuse.recipes.scoring import check_fit
from kerasfuse.recipes.search import space as spaces
from kerasfuse.recipes.search.settings import read_settings
from kerasfuse.recipes.search.study import open_study, optuna, seed_sampler
from kerasfuse.recipes.training import train_seed

# What a search reads: never the test split.
SPLITS = ("train", "validation")
# Held by who chooses a trial, and, in the folder of a trial, by who trains it.
_CLAIM = ".claim"
_STATES = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


@dataclasses.dataclass(frozen=True)
class Trial:
    """Say what became of one trial.

    Args:
        number: from 0.
        settings: dict of name to value.
        state: `"finished"`, `"pruned"`, `"failed"` or `"running"`.
        value: the monitored validation quantity of its best epoch; of a pruned trial, of its last.
        epochs: how many it trained.
        seconds: from its start to its end.
        error: why it failed.
    """

    number: int
    settings: dict[str, Any]
    state: str
    value: float | None
    epochs: int
    seconds: float | None
    error: str = ""

    @property
    def line(self) -> str:
        """One line about it."""
        about = {"finished": f"{self.value:.4g}" if self.value is not None else ""}
        about |= {"pruned": f"pruned after {self.epochs} epochs", "failed": f"failed: {self.error}"}
        chosen = ", ".join(f"{name}={_short(value)}" for name, value in self.settings.items())
        return f"trial {self.number}: {about.get(self.state, self.state)} ({chosen})"


def work(folder, report=None):
    """Train trials of a search until there are as many as it asks for.

    Several processes may do so at the same time, on one machine or on several. A trial whose
    process was killed is taken over by the next that looks, and goes on after its last epoch.

    Args:
        folder: of the search.
        report: called with one line of text when a trial ends.
    """
    folder = pathlib.Path(folder)
    settings = read_settings(folder)
    entry = read_recipe(folder)
    study = study_of(settings, entry)
    parameters = spaces.parse(settings.space)
    while True:
        with contextlib.ExitStack() as stack:
            trial = _claimed(study, settings, folder, stack)
            if trial is None:
                return
            seed = functools.partial(
                seed_sampler, study, settings.sampler, settings.seed, trial.number
            )
            chosen = spaces.settings(parameters, trial, lambda name: default_of(entry, name), seed)
            trial.set_user_attr("settings", chosen)
            _train(study, trial, entry, chosen, settings, trial_folder(folder, trial.number))
            if report:
                report(read_trials(study)[trial.number].line)


def study_of(settings, entry):
    """Open the study of a search."""
    recipe = entry.recipe
    return open_study(
        settings.storage, settings.study, recipe.monitor, settings.pruner, recipe.epochs
    )


def trial_folder(folder, number):
    """Return the run folder of a trial."""
    return pathlib.Path(folder, f"trial_{number:04d}")


def read_trials(study):
    """Return a list of `Trial`, by number."""
    found = []
    for trial in study.get_trials(deepcopy=False):
        reported = trial.intermediate_values
        value = trial.value if trial.state.name == "COMPLETE" else None
        if trial.state.name == "PRUNED" and reported:
            value = reported[max(reported)]
        duration = trial.duration
        found.append(
            Trial(
                number=trial.number,
                settings=trial.user_attrs.get("settings", {}),
                state=_STATES.get(trial.state.name, "waiting"),
                value=value,
                epochs=max(reported, default=0),
                seconds=None if duration is None else duration.total_seconds(),
                error=trial.user_attrs.get("error", ""),
            )
        )
    return found


def _claimed(study, settings, folder, stack):
    """Give a trial that no other process trains, and its lock to `stack`; none where all are."""
    package = optuna()
    # Of this folder: trials of another machine are not for this one to take over.
    own = {"search": settings.search}
    with atomic.locked(folder / _CLAIM):
        trials = study.get_trials(deepcopy=False)
        for found in trials:
            place = trial_folder(folder, found.number)
            if found.state.name != "RUNNING":
                atomic.release(place / _CLAIM)
            elif found.user_attrs.get("search") == settings.search and _locks(stack, place):
                seed_sampler(study, settings.sampler, settings.seed, found.number)
                return package.trial.Trial(study, found._trial_id)
        waiting = [found for found in trials if found.state.name == "WAITING"]
        if not waiting:
            if len(trials) >= settings.trials:
                return None
            # Whose it is, it is told as it is made: a kill leaves none that nobody takes over.
            study.enqueue_trial({}, user_attrs=own)
        number = waiting[0].number if waiting else len(trials)
        seed_sampler(study, settings.sampler, settings.seed, number)
        trial = study.ask()
        if waiting:  # perhaps another machine's, which was killed
            trial.set_user_attr("search", settings.search)
        _locks(stack, trial_folder(folder, trial.number))
        return trial


def _locks(stack, folder):
    try:
        stack.enter_context(atomic.locked(folder / _CLAIM, wait=False))
    except BlockingIOError:
        return False
    return True


def _train(study, trial, entry, chosen, settings, folder):
    states = optuna().trial.TrialState
    try:
        changed = entry.override(chosen)
        open_run(folder, changed, check_fit(changed, settings.data_dir, SPLITS))
        prune = PruneTrial(trial, changed.recipe.monitor, seed_folder(folder, settings.seed))
        train_seed(
            changed,
            folder,
            settings.seed,
            verbose=0,
            callbacks=[prune],
            stops=optuna().TrialPruned,
        )
        prune.catch_up()
    except optuna().TrialPruned:
        study.tell(trial.number, state=states.PRUNED)
    except ValueError as error:
        # Settings that do not go together, and trainings that diverge.
        trial.set_user_attr("error", str(error)[:500])
        study.tell(trial.number, state=states.FAIL)
    else:
        study.tell(trial.number, read_results(folder, settings.seed)["monitor"])


def _short(value):
    return f"{value:.3g}" if isinstance(value, float) else value


def default_of(entry, name):
    """Return what an entry says of an argument; `None` where it leaves that to the model."""
    bare = name.rpartition(".")[2]
    for held in (entry.model_args, entry.data_args, vars(entry.recipe)):
        if bare in held:
            return held[bare]
    return None


class PruneTrial(keras.callbacks.Callback):
    """Report the monitored quantity of every epoch to a trial, and stop where it falls behind.

    It stands after `RunCheckpoint`, so that a pruned training is whole up to its last epoch.

    Args:
        trial: a trial of Optuna.
        monitor: the logged quantity.
        folder: of the training, whose history tells what was not reported before a kill.
    """

    def __init__(self, trial, monitor, folder):
        super().__init__()
        self.trial = trial
        self.monitor = monitor
        self.folder = pathlib.Path(folder)

    def on_train_begin(self, logs=None):
        if epochs := self.catch_up():
            self._prune(epochs)

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(float(logs[self.monitor]), epoch + 1)
        self._prune(epoch + 1)

    def catch_up(self):
        """Report the epochs that are safe on disk and not reported; return how many there are."""
        rows = read_history(self.folder)
        reported = self.trial.study.get_trials(deepcopy=False)[self.trial.number]
        for epoch, row in enumerate(rows, start=1):
            if epoch not in reported.intermediate_values:
                self.trial.report(float(row[self.monitor]), epoch)
        return len(rows)

    def _prune(self, epochs):
        # The last epoch is done in any case.
        if epochs < self.params["epochs"] and self.trial.should_prune():
            raise optuna().TrialPruned
