"""The folder of a run: what makes it that run, where its parts lie, and how it becomes a model."""

import contextlib
import csv
import dataclasses
import json
import pathlib
import tomllib
from typing import Any

import tomlkit

from kerasfuse import atomic, hub, zoo
from kerasfuse.entries import parsing
from kerasfuse.entries.arguments import current_model_args
from kerasfuse.entries.serialization import plain, to_toml
from kerasfuse.entries.terms import UNSTATED_TERMS
from kerasfuse.recipes.seeds import SHARED
from kerasfuse.shown import shortened

RUN_FILE = "run.json"
# In the folder of a seed: held by the process that trains it.
LOCK = ".lock"
# What submits its trainings to a cluster writes there.
JOBS = "jobs"
# The definition in a folder of an earlier version, which took the rest from the zoo.
_FORMER_FILE = "recipe.toml"


@dataclasses.dataclass(frozen=True)
class RunData:
    """Say what data a run is on: other data make another run.

    Args:
        sha256: checksum of the features and labels of all splits that the run reads.
        samples: dict of these splits to number of samples; of a run in a search there is no test.
        folder: the folder of the real data that was named, absolute; `None` for the default.
    """

    sha256: str | None
    samples: dict[str, int]
    folder: str | None = None

    def without_checksum(self):
        """Return a copy that any data fit."""
        return dataclasses.replace(self, sha256=None)

    def check(self, found, folder):
        """Raise a ValueError unless data have the checksum of those that a folder is of."""
        if self.sha256 not in (None, found):
            samples = ", ".join(f"{count} {split}" for split, count in self.samples.items())
            raise ValueError(
                f"expected the data that {str(folder)!r} is trained on, {samples or 'as before'}, "
                f"with checksum {self.sha256[:12]}. Received: data with checksum {found[:12]}. "
                "Choose another folder for a run on these data."
            )


def is_run(folder):
    """Whether a run is kept in a folder."""
    return any(pathlib.Path(folder, file).is_file() for file in (RUN_FILE, _FORMER_FILE))


def open_run(run_dir, entry, data, keep_epochs=False):
    """Make a run folder for an entry on its data, or check that the folder is of the same run.

    Args:
        run_dir: the folder.
        entry: the `Entry` to train, overrides included.
        data: `RunData`.
        keep_epochs: whether the weights of every epoch are kept.

    Raises:
        ValueError: as `check_run`.
        OSError: when it cannot be made or written to.
    """
    folder = pathlib.Path(run_dir)
    check_run(folder, entry, data)
    if is_run(folder):
        atomic.check_writable(folder)
        _of_today(folder, entry)
    else:
        _write(folder / hub.ENTRY_FILE, to_toml(as_started(entry)))
    # Last: where it is, the folder is a run.
    _write(
        folder / RUN_FILE,
        json.dumps({"data": dataclasses.asdict(data), "keep_epochs": keep_epochs}, indent=1) + "\n",
    )
    return folder


def check_run(run_dir, entry, data):
    """Refuse a folder that `open_run` would refuse, and leave it as it is.

    Args:
        run_dir, entry, data: as in `open_run`.

    Raises:
        ValueError: when the folder holds another recipe, the same on other data, or other files.
    """
    folder = pathlib.Path(run_dir)
    if is_run(folder):
        _check_recipe(folder, entry)
        if before := read_data(folder):
            before.check(data.sha256, folder)
    elif not _is_free(folder, entry):
        raise ValueError(
            "expected a new or empty folder, or one of an earlier run. "
            f"Received: run_dir={str(run_dir)!r}, which holds other files."
        )


def _is_free(folder, entry):
    """Whether a folder holds nothing, or what a killed process left that began the same run."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    names = {name for name in names if not name.startswith(".")}
    if names == {hub.ENTRY_FILE}:
        return not differences(read_recipe(folder).definition(), entry.definition())
    return not names


def _check_recipe(folder, entry):
    settings = differences(read_recipe(folder).definition(), entry.definition())
    if settings:
        raise ValueError(
            f"expected a run folder of the same recipe. Received: run_dir={str(folder)!r}, "
            f"whose recipe has other values for {', '.join(settings)}. Choose another folder."
        )


def _of_today(folder, entry):
    """Bring a folder of an earlier version up to date."""
    former = folder / _FORMER_FILE
    if former.is_file():
        _write(folder / hub.ENTRY_FILE, to_toml(as_started(entry)))
        former.unlink()


def as_started(entry):
    """Return the entry that a run starts from: without the weights and the scores of another."""
    weights = dataclasses.replace(entry.weights, file="", sha256="", seed=None, size=None)
    started = dataclasses.replace(entry, weights=weights, results={})
    if entry.name not in zoo.names():
        return started
    own = zoo.entry(entry.name)
    settings = differences(own.definition(), entry.definition())
    options = command_options(settings)
    weights = dataclasses.replace(
        weights, made_by=" ".join([f"kerasfuse train {entry.name}", *options])
    )
    if is_on_data_of(entry, own):
        return dataclasses.replace(started, weights=weights)
    # The entry's texts, terms and published figures speak of its own data.
    arguments = ", ".join(f"{key}={value!r}" for key, value in entry.data_args.items())
    trained_on = f"{entry.data_name}({arguments})"
    unstated = {"license": UNSTATED_TERMS, "commercial": False}
    terms = {} if own.data_name == entry.data_name else unstated
    weights = dataclasses.replace(weights, trained_on=trained_on, **terms)
    return dataclasses.replace(started, weights=weights, published=[])


def command_options(settings):
    """Write settings as the command line takes them."""
    return [f"--set '{key}={_toml(value)}'" for key, value in settings.items()]


def is_on_data_of(entry, other):
    """Whether two entries are on the same data set with the same arguments."""
    data, others = ((e.data_name, plain(e.data_args)) for e in (entry, other))
    return data == others


def _toml(value):
    """Write a value as --set takes it, in one line."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(plain(value))
        return table.as_string()
    return value if isinstance(value, str) else tomlkit.item(plain(value)).as_string()


def read_recipe(folder):
    """Return the entry that a run folder trains, overrides included."""
    folder = pathlib.Path(folder)
    if (folder / hub.ENTRY_FILE).is_file():
        return parsing.parse((folder / hub.ENTRY_FILE).read_bytes(), str(folder / hub.ENTRY_FILE))
    definition = tomllib.loads((folder / _FORMER_FILE).read_text(encoding="utf-8"))
    entry = zoo.entry(definition["entry"]["name"])
    model = definition["model"]
    return as_started(
        dataclasses.replace(
            entry,
            model_class=model["class"],
            model_args=current_model_args(model["class"], model["args"]),
            data_name=definition["data"]["name"],
            data_args=definition["data"]["args"],
            recipe=zoo.Recipe(**definition["recipe"], seeds=entry.recipe.seeds),
            published=entry.published_of(
                definition["data"]["name"], definition["recipe"]["metrics"]
            ),
        )
    )


def read_data(folder):
    """Return the `RunData` of a run folder; `None` where an earlier version kept none."""
    folder = pathlib.Path(folder)
    if (folder / RUN_FILE).is_file():
        found = _read_json(folder / RUN_FILE)
        with _damaged(folder / RUN_FILE):
            return RunData(**found["data"])
    for results in sorted(folder.glob("seed_*/results.json")):
        return RunData(_read_json(results)["data_sha256"], {})
    return None


def folder_of_data(name):
    """Return the folder of the data of a run; `None` for other entries, and for the default."""
    if not (hub.is_address(name) and (pathlib.Path(name) / RUN_FILE).is_file()):
        return None
    return read_data(name).folder


def keeps_epochs(folder):
    """Whether a run folder keeps the weights of every epoch."""
    found = _read_json(pathlib.Path(folder, RUN_FILE))
    with _damaged(pathlib.Path(folder, RUN_FILE)):
        return found["keep_epochs"]


def differences(before, after):
    """Return the settings that differ between two definitions: name -> value after."""
    settings = {}
    for old, new in (
        ({"class": before["model"]["class"]}, {"class": after["model"]["class"]}),
        (_scaling(before["model"]), _scaling(after["model"])),
        (before["model"]["args"], after["model"]["args"]),
        ({"data": before["data"]["name"]}, {"data": after["data"]["name"]}),
        (before["data"]["args"], after["data"]["args"]),
        (before["recipe"], after["recipe"]),
    ):
        old, new = plain(old), plain(new)
        for key in [*new, *(key for key in old if key not in new)]:
            if key not in old or key not in new or old[key] != new[key]:
                settings[key] = new.get(key, "default")
    return settings


def _scaling(model):
    return {"scaling": model["scaling"]} if model.get("scaling") else {}


def seed_folder(folder, seed):
    """Return the folder of one seed."""
    return pathlib.Path(folder, f"seed_{seed}")


def is_finished(folder, seed):
    """Whether a seed is trained and scored."""
    return is_whole(seed_folder(folder, seed))


def is_whole(folder):
    """Whether the training in a folder has ended and its results are there."""
    return (folder / "results.json").is_file() and not (folder / "checkpoint.json").exists()


def read_results(folder, seed) -> dict[str, Any]:
    """Return what a finished seed found.

    Raises:
        ValueError: for a file that is damaged.
    """
    path = seed_folder(folder, seed) / "results.json"
    results = _read_json(path)
    with _damaged(path):
        # A trial of a search has no scores of the test split.
        for name in ("monitor", "validation", "baseline", *SHARED):
            results[name]
        for split in ("validation", *["test"] * ("test" in results)):
            if not all(type(value) in (int, float) for value in results[split].values()):
                raise TypeError(f"{split} holds other things than numbers")
            results["baseline"][split].items()
    return results


def read_history(folder):
    """Return what a training logged of each epoch, dicts of name to number, in order.

    Raises:
        ValueError: for a file that is damaged.
    """
    folder = pathlib.Path(folder)
    if (folder / "checkpoint.json").is_file():
        return _read_json(folder / "checkpoint.json")["history"]
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with _damaged(path), open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        return [{name: float(value) for name, value in row.items() if value} for row in rows]


def _read_json(path):
    with _damaged(path):
        return json.loads(path.read_text(encoding="utf-8"))


@contextlib.contextmanager
def _damaged(path):
    """Say of what is raised in the block that a file of a run is damaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise ValueError(
            f"expected {path.name} as `kerasfuse train` writes it. Received: {str(path)!r}, which "
            f"is damaged ({type(error).__name__}: {shortened(str(error))}). Remove it, or the "
            "folder, and train again."
        ) from error


def _write(path, text):
    with atomic.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
