"""What a run found, read back from its folder."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable
from typing import Any

from kerasfuse import zoo
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.run_folder import (
    folder_of_data,
    is_finished,
    is_run,
    read_recipe,
    read_results,
)
from kerasfuse.recipes.seeds import mean_and_sd
from kerasfuse.shown import shown


@dataclasses.dataclass(frozen=True)
class Run:
    """Hold what the finished seeds of a run folder found.

    Args:
        entry: the `Entry` that was trained, overrides included.
        folder: the run folder.
        seeds: dict of seed -> the content of its `results.json`.
    """

    entry: zoo.Entry
    folder: pathlib.Path
    seeds: dict[int, dict[str, Any]]

    @property
    def first(self) -> dict[str, Any]:
        """The results of the first seed, for what all seeds share."""
        return next(iter(self.seeds.values()))

    @property
    def best_seed(self) -> int:
        """The seed whose best epoch is best on validation."""
        choose = min if lower_is_better(self.entry.recipe.monitor) else max
        return choose(self.seeds, key=lambda seed: self.seeds[seed]["monitor"])

    @property
    def data_dir(self) -> str | None:
        """The folder of the real data that the run was given; `None` for the default."""
        return folder_of_data(self.folder)

    def table(self, split: str) -> dict[str, dict[str, Any]]:
        """Return metric -> dict of `per_seed`, `mean`, `sd` and `baseline`.

        `sd` divides by n - 1 and is absent for one seed; `baseline`, the score of the best constant
        prediction, is absent for correlations.
        """
        table = {}
        for metric in self.first[split]:
            values = [results[split][metric] for results in self.seeds.values()]
            table[metric] = {"per_seed": values, **mean_and_sd(values)}
            if metric in self.first["baseline"][split]:
                table[metric]["baseline"] = self.first["baseline"][split][metric]
        return table


def read_run(
    name: str | None, run_dir: str | os.PathLike[str], seeds: Iterable[int] | None = None
) -> Run:
    """Read the finished seeds of an entry's run folder.

    Args:
        name: the entry's name, or `None` for whichever the folder has.
        run_dir: the run folder.
        seeds: which ones; all that are finished by default.

    Returns:
        A `Run`.

    Raises:
        FileNotFoundError: when there is no run, or no finished seed, in the folder.
        ValueError: when the run is another entry's, or its seeds have scores of other metrics.
    """
    folder = pathlib.Path(run_dir)
    if not is_run(folder):
        raise FileNotFoundError(
            "expected a run folder, as `kerasfuse train` makes them. "
            f"Received: run_dir={str(run_dir)!r}, which holds no run.json."
        )
    entry = read_recipe(folder)
    if name not in (None, entry.name):
        raise ValueError(f"expected a run of {name}. Received: {str(run_dir)!r}, of {entry.name}.")
    if seeds is None:
        seeds = sorted(int(path.name.removeprefix("seed_")) for path in folder.glob("seed_*"))
    finished = [seed for seed in seeds if is_finished(folder, seed)]
    if not finished:
        raise FileNotFoundError(
            "expected a run with a finished seed. "
            f"Received: run_dir={str(run_dir)!r}, where none is finished."
        )
    results = {seed: read_results(folder, seed) for seed in finished}
    first = results[finished[0]]
    if "test" not in first:
        raise ValueError(
            "expected a run that is scored on the test split. "
            f"Received: run_dir={str(run_dir)!r}, a trial of a search, which never reads it."
        )
    for seed, found in results.items():
        for split in ("validation", "test"):
            if differing := set(found.get(split, ())) ^ set(first[split]):
                raise ValueError(
                    f"expected each seed to have scores of the same metrics. Received: {split} "
                    f"scores of seeds {finished[0]} and {seed} in {str(run_dir)!r}, which differ "
                    f"in {shown(sorted(differing))}. Delete one of the two folders: the same "
                    "command trains it again."
                )
    return Run(entry, folder, results)
