"""The run folder: what it holds, and how it is read back."""

import dataclasses
import json
import os
import pathlib
import tomllib
from collections.abc import Iterable
from typing import Any

import tomlkit

from kerasfuse import atomic, zoo
from kerasfuse.entries.arguments import current_model_args
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.seeds import mean_and_sd


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


def open_run(run_dir, entry):
    """Make a run folder for an entry, or check that the folder is one of the same recipe.

    Raises:
        ValueError: when the folder holds another recipe, or other files.
        OSError: when it cannot be made or written to.
    """
    folder = pathlib.Path(run_dir)
    recipe = folder / "recipe.toml"
    if recipe.is_file():
        settings = differences(read_recipe(folder).definition(), entry.definition())
        if settings:
            raise ValueError(
                f"expected a run folder of the same recipe. Received: run_dir={str(run_dir)!r}, "
                f"whose recipe has other values for {', '.join(settings)}. Choose another folder."
            )
        atomic.check_writable(folder)
        return folder
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ValueError(
            "expected a new or empty folder, or one of an earlier run. "
            f"Received: run_dir={str(run_dir)!r}, which holds other files."
        )
    with atomic.replacing(recipe) as temporary:
        temporary.write_text(tomlkit.dumps(entry.definition()), encoding="utf-8")
    return folder


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
        ValueError: when the run is another entry's.
    """
    folder = pathlib.Path(run_dir)
    if not (folder / "recipe.toml").is_file():
        raise FileNotFoundError(
            "expected a run folder. "
            f"Received: run_dir={str(run_dir)!r}, which holds no recipe.toml."
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
    return Run(entry, folder, {seed: _results(folder, seed) for seed in finished})


def read_recipe(folder):
    """Return the entry that a run folder trains, overrides included."""
    definition = tomllib.loads(pathlib.Path(folder, "recipe.toml").read_text(encoding="utf-8"))
    entry = zoo.entry(definition["entry"]["name"])
    model, recipe = definition["model"], definition["recipe"]
    return dataclasses.replace(
        entry,
        model_class=model["class"],
        # Of a folder that an earlier version wrote.
        model_args=current_model_args(model["class"], model["args"]),
        data_name=definition["data"]["name"],
        data_args=definition["data"]["args"],
        recipe=zoo.Recipe(**recipe, seeds=entry.recipe.seeds),
        published=entry.published_of(definition["data"]["name"], recipe["metrics"]),
    )


def differences(before, after):
    """Return the settings that differ between two definitions: name -> value after."""
    settings = {}
    for old, new in (
        ({"class": before["model"]["class"]}, {"class": after["model"]["class"]}),
        (before["model"]["args"], after["model"]["args"]),
        ({"data": before["data"]["name"]}, {"data": after["data"]["name"]}),
        (before["data"]["args"], after["data"]["args"]),
        (before["recipe"], after["recipe"]),
    ):
        for key in [*new, *(key for key in old if key not in new)]:
            if key not in old or key not in new or old[key] != new[key]:
                settings[key] = new.get(key, "default")
    return settings


def seed_folder(folder, seed):
    """Return the folder of one seed."""
    return pathlib.Path(folder, f"seed_{seed}")


def is_finished(folder, seed):
    """Whether a seed is trained and scored."""
    return is_whole(seed_folder(folder, seed))


def is_whole(folder):
    """Whether the training in a folder has ended and its results are there."""
    return (folder / "results.json").is_file() and not (folder / "checkpoint.json").exists()


def _results(folder, seed):
    return json.loads((seed_folder(folder, seed) / "results.json").read_text(encoding="utf-8"))
