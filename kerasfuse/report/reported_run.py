"""One run that a page is about: what its folder holds, and what is measured for the page."""

import functools

import numpy as np

from kerasfuse import analysis, progress
from kerasfuse.analysis.predictions import predictions
from kerasfuse.entries import weight_files
from kerasfuse.recipes.costs.mean_steps import mean_steps
from kerasfuse.recipes.folds import fold_folder
from kerasfuse.recipes.predictions import Predictions, read_predictions
from kerasfuse.recipes.run_folder import read_history, seed_folder
from kerasfuse.recipes.scoring import load_split

RESAMPLES = 1000


class ReportedRun:
    """Give the sections what they show of a run; what takes time is measured once.

    What needs the model is measured on the weights of the best seed by validation. A run with folds
    has them from the fold that its data name, whose test split it then is; predictions and curves
    are those of all folds.

    Args:
        run: a `kerasfuse.recipes.Run`.
        label: its name on the page.
        data_dir: folder of the real data, by default the run's.
        report: called with one line of text when something that takes time begins.
    """

    def __init__(self, run, label, data_dir=None, report=None):
        self.run = run
        self.label = label
        self.data_dir = data_dir or run.data_dir
        self._report = report or (lambda line: None)

    @property
    def entry(self):
        return self.run.entry

    @property
    def score(self):
        """The metric that lists show, and that curves and contributions are drawn of."""
        return self.entry.recipe.score

    @property
    def metrics(self):
        """The metrics of the data set, a list of new ones."""
        return self.entry.recipe.make_metrics()

    def trainings(self):
        """Return name -> (folder, results) of every training: one a seed, or a seed and fold."""
        found = {}
        for seed, results in self.run.seeds.items():
            folder = seed_folder(self.run.folder, seed)
            if not self.entry.recipe.folds:
                found[f"seed {seed}"] = folder, results
            for fold in self.entry.recipe.folds:
                name = f"seed {seed}, fold {fold}"
                found[name] = fold_folder(folder, fold), results["folds"][str(fold)]
        return found

    def histories(self, part=None):
        """Return name of the training -> list of rows, dicts of column to number."""
        found = {}
        for name, (folder, _) in self.trainings().items():
            if rows := read_history(folder / part if part else folder):
                found[name] = rows
        return found

    @functools.cached_property
    def test(self):
        """The test split in stored order."""
        return load_split(self.entry, "test", self.data_dir, shuffle=False)

    @functools.cached_property
    def model(self):
        """The model with the weights of the best seed."""
        return _restored(self.entry, seed_folder(self.run.folder, self.run.best_seed))

    @functools.cached_property
    def steps(self):
        """Mean number of valid steps of each sequence."""
        return mean_steps(self.test)

    @functools.cached_property
    def predictions(self):
        """Seed -> `Predictions` on the test split, of all folds one after the other.

        They are read, or made again from the weights of a run that kept none.
        """
        found = {}
        for seed in self.run.seeds:
            folder = seed_folder(self.run.folder, seed)
            places = {fold: fold_folder(folder, fold) for fold in self.entry.recipe.folds}
            parts = [
                read_predictions(place) or self._predict(place, seed, fold)
                for fold, place in (places or {None: folder}).items()
            ]
            found[seed] = Predictions(
                [name for part in parts for name in part.ids],
                np.concatenate([part.labels for part in parts]),
                np.concatenate([part.outputs for part in parts]),
            )
        return found

    def _predict(self, folder, seed, fold):
        entry = self.entry if fold is None else self.entry.on_fold(fold)
        self._report(f"{self.label}: predictions of seed {seed}, which were not kept")
        test = load_split(entry, "test", self.data_dir, shuffle=False)
        return Predictions(test.ids, test.labels, predictions(_restored(entry, folder), test))

    @functools.cached_property
    def robustness(self):
        """What `analysis.robustness` finds."""
        return self._measured(analysis.robustness, "robustness")

    @functools.cached_property
    def contribution(self):
        """What `analysis.modality_contribution` finds."""
        return self._measured(analysis.modality_contribution, "contribution of each modality")

    def _measured(self, measure, name):
        self._report(f"{self.label}: {name}")
        with progress.bars() as bars:
            told = progress.counting(bars, name)
            return measure(self.model, self.test, self.metrics, progress=told)

    @functools.cached_property
    def alignment(self):
        """What `analysis.alignment_scores` finds."""
        self._report(f"{self.label}: alignment")
        return analysis.alignment_scores(self.model, self.test)

    @functools.cached_property
    def attention_statistics(self):
        """What `analysis.attention_statistics` finds."""
        self._report(f"{self.label}: attention")
        return analysis.attention_statistics(self.model, self.test)

    @functools.cached_property
    def attention_ablation(self):
        """What `analysis.attention_ablation` finds."""
        return self._measured(analysis.attention_ablation, "ablation of attention")

    def intervals(self):
        """Return metric -> `Interval`, of the mean over seeds."""
        self._report(f"{self.label}: bootstrap of the metrics")
        (labels, *_), outputs = self._scored()
        return analysis.bootstrap(self.metrics, labels, outputs, RESAMPLES)

    def differences(self, other):
        """Return metric -> `Interval` of this run less another, `None` on other test samples."""
        self._report(f"{self.label}: bootstrap of the differences from {other.label}")
        (labels, ids), outputs = self._scored()
        (other_labels, other_ids), other_outputs = other._scored()
        names = [metric.name for metric in self.metrics]
        if ids != other_ids or names != [metric.name for metric in other.metrics]:
            return None
        if not np.array_equal(labels, other_labels):
            return None
        return analysis.paired_bootstrap(self.metrics, labels, outputs, other_outputs, RESAMPLES)

    def _scored(self):
        first = next(iter(self.predictions.values()))
        return (first.labels, first.ids), [kept.outputs for kept in self.predictions.values()]


def _restored(entry, folder):
    path = folder / "best.weights.h5"
    if not path.is_file():
        raise FileNotFoundError(f"expected {path.name} in {folder.name}. Received: none")
    weight_files.check(path)
    model = entry.build()
    model.load_weights(path)
    return model
