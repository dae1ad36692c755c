"""What choosing on the test split would have gained, by run, epoch and seed."""

import dataclasses
import os
import re

import numpy as np

from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.run import Run, read_run
from kerasfuse.recipes.run_folder import seed_folder
from kerasfuse.recipes.scoring import load_split, score_all
from kerasfuse.recipes.seeds import mean_and_sd


@dataclasses.dataclass(frozen=True)
class SelectionAudit:
    """Hold the scores of every epoch that a run kept.

    Args:
        run: the `Run`.
        epochs: dict of seed to the numbers of the epochs that were kept.
        monitored: dict of seed to what each of them scores on validation in the monitored quantity.
        test: dict of seed to dict of metric to what each of them scores on test.
    """

    run: Run
    epochs: dict[int, list[int]]
    monitored: dict[int, list[float]]
    test: dict[int, dict[str, list[float]]]

    def chosen(self, seed: int) -> int:
        """Return the position of the epoch that is best on validation."""
        return _best(self.monitored[seed], self.run.entry.recipe.monitor)

    def table(self, metric: str) -> dict[str, dict[str, float]]:
        """Compare the ways to choose by the test scores that would be reported.

        Args:
            metric: a metric of the run.

        Returns:
            Dict of `"validation"` (the epoch of each seed that is best on validation), `"test"`
            (the one that is best on test), `"gain"` (the difference, seed by seed, positive where
            choosing on test flatters) to `mean` and `sd` over seeds; and of `"best of all"`, the
            highest test score of any seed and epoch, to its `mean`, `seed` and `epoch`.

        Raises:
            ValueError: for a metric that the run does not have.
        """
        seeds = list(self.test)
        if metric not in self.test[seeds[0]]:
            raise ValueError(
                f"expected metric to be one of {', '.join(self.test[seeds[0]])}. "
                f"Received: {metric!r}"
            )
        scores = {seed: self.test[seed][metric] for seed in seeds}
        fair = [scores[seed][self.chosen(seed)] for seed in seeds]
        places = {seed: _best(scores[seed], metric) for seed in seeds}
        flattered = [scores[seed][places[seed]] for seed in seeds]
        sign = -1 if lower_is_better(metric) else 1
        gain = [sign * (b - a) for a, b in zip(fair, flattered, strict=True)]
        best = seeds[_best(flattered, metric)]
        return {
            "validation": mean_and_sd(fair),
            "test": mean_and_sd(flattered),
            "gain": mean_and_sd(gain),
            "best of all": {
                "mean": scores[best][places[best]],
                "seed": best,
                "epoch": self.epochs[best][places[best]],
            },
        }


def audit_selection(
    run_dir: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> SelectionAudit:
    """Score every epoch that a run kept on validation and on test, after the fact.

    Papers of this field often report the best test score of any epoch. This tells how much of a
    score comes from that choice. Nothing here changes the run, or what is recorded of it.

    Args:
        run_dir: a run folder that was trained with `keep_epochs=True`.
        data_dir: folder of the real data; by default the one that it was trained on.

    Returns:
        A `SelectionAudit`.

    Raises:
        FileNotFoundError: for a folder that is no run, or that kept no epochs.
        ValueError: for a run over folds, whose seeds have several trainings each.

    Example:

    >>> from kerasfuse import recipes
    >>> run = recipes.train(
    ...     "mica_mosei", "audited", seeds=[1], verbose=0, keep_epochs=True,
    ...     overrides={"num_layers": 1, "num_samples": 60, "epochs": 2},
    ... )
    >>> sorted(recipes.audit_selection("audited").table("mae"))
    ['best of all', 'gain', 'test', 'validation']
    """
    run = read_run(None, run_dir)
    if run.entry.recipe.folds:
        raise ValueError(
            f"expected a run with one training a seed. Received: {str(run_dir)!r}, which is "
            "trained over folds. Train it on one of them: --set folds=[]"
        )
    # Weights are read into a model without an optimizer, as the files hold none.
    model, plain = run.entry.build(), run.entry.build()
    data_dir = data_dir or run.data_dir
    splits = {
        split: load_split(run.entry, split, data_dir, shuffle=False)
        for split in ("validation", "test")
    }
    epochs, monitored, test = {}, {}, {}
    for seed in run.seeds:
        paths = _kept(seed_folder(run.folder, seed) / "epochs")
        if not paths:
            raise FileNotFoundError(
                "expected a run that kept the weights of its epochs. Received: "
                f"{str(run_dir)!r}, without those of seed {seed}. Train it again, in another "
                "folder, with --keep-epochs."
            )
        epochs[seed], monitored[seed], test[seed] = list(paths), [], {}
        for path in paths.values():
            plain.load_weights(path)
            model.set_weights(plain.get_weights())
            found = score_all(model, run.entry, splits)
            monitored[seed].append(_monitored(run.entry.recipe, found["validation"]))
            for metric, value in found["test"].items():
                test[seed].setdefault(metric, []).append(value)
    return SelectionAudit(run, epochs, monitored, test)


def _kept(folder):
    """Give the number of each kept epoch and its weights, in order."""
    found = {int(re.sub(r"\D", "", path.name.split(".")[0])): path for path in folder.glob("*.h5")}
    return dict(sorted(found.items()))


def _monitored(recipe, scores):
    name = recipe.monitor.removeprefix("val_")
    return scores[recipe.loss] if name == "loss" and name not in scores else scores[name]


def _best(values, name):
    return int(np.argmin(values) if lower_is_better(name) else np.argmax(values))
