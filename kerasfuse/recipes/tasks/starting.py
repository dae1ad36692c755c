"""An entry for any data: a class of model, or an entry, resized to the data and to the task."""

import dataclasses
import os
import pathlib
import re

import numpy as np

from kerasfuse import datasets, hub, zoo
from kerasfuse.datasets.registry import is_of_users
from kerasfuse.entries.arguments import model_arguments, model_classes
from kerasfuse.entries.terms import OWN_TERMS, UNSTATED_TERMS
from kerasfuse.entries.token_ids import sizes
from kerasfuse.entries.weights import Weights
from kerasfuse.nearest_names import nearest
from kerasfuse.recipes.run_folder import command_options
from kerasfuse.recipes.tasks.checks import check_task
from kerasfuse.recipes.tasks.data_place import data_place
from kerasfuse.recipes.tasks.defaults import RECIPE, model_defaults, needed_arguments
from kerasfuse.recipes.tasks.features import features_of
from kerasfuse.recipes.tasks.task import task_of
from kerasfuse.shown import shown

_SPLITS = ("train", "validation", "test")
_SHARE = 0.15
_ALIGN_STEPS = 50
# Features of recordings are scaled in the model, where there is one choice: so it takes recordings.
_UNSCALED = ("ravdess_speech",)
# Arguments of data that change no feature.
_SAME = ("fold", "encoder_sha256")


@dataclasses.dataclass(frozen=True)
class Start:
    """Hold what a run on data starts from.

    Args:
        entry: the resolved `Entry`.
        data_dir: where its data are.
        told: sentences that tell what was read from the labels, and chosen.
    """

    entry: zoo.Entry
    data_dir: str | os.PathLike[str] | None
    told: list[str]


def is_model(name):
    """Whether a name is that of a class of model."""
    return isinstance(name, str) and name in model_classes()


def _check_name(name):
    if is_model(name) or hub.is_address(name) or zoo.is_file(name):
        return
    known = (*model_classes(), *zoo.names())
    if name not in known:
        raise ValueError(
            "expected the name of a class of model or of an entry, or a run folder. Received: "
            f"name={shown(name)}. {nearest(name, known)}"
        )


def starting_entry(name, data, data_dir=None, overrides=None, task=None, from_scratch=False):
    """Make an entry of a class of model, or of another entry, for any data.

    Widths, names and alignment of modalities come from the data, outputs, loss, metrics, score and
    monitor from the labels; whatever `overrides` says wins.

    Args:
        name: name of a class of `kerasfuse.models`, or an entry's name or address.
        data: name of a data set, or a path.
        data_dir: folder of a named data set.
        overrides: see `train`.
        task: kind of the task, see `task_of`; read from the labels by default.
        from_scratch: of an entry with weights, not to begin with them.

    Returns:
        A `Start`.

    Raises:
        ValueError: for a name that is neither, data that do not fit, and what `check_task` refuses.
        FileNotFoundError: when the data are not there.
    """
    overrides = dict(overrides or {})
    _check_name(name)
    data_name, place = data_place(data, data_dir)
    given = _data_arguments(data_name, overrides)
    arguments = _with_splits(data_name, place, given)
    splits = _load(data_name, place, arguments)
    read = task_of(data_name, splits, task)
    if read.kind == "classes" and data_name == "own" and "classes" not in arguments:
        arguments["classes"] = list(read.names)
        splits = _load(data_name, place, arguments)
    told = _told(data, read, splits)
    check_task(read, splits, arguments.get("group"))
    modalities = {
        m: list(size) if isinstance(size, tuple) else size
        for m, size in splits["train"].modalities.items()
    }
    if is_model(name):
        entry = _of_class(name, data_name, modalities, read)
    else:
        entry = _of_entry(name, data_name, modalities, read, splits, from_scratch)
    folds = arguments.get("folds")
    settings = {**read.settings()}
    if entry.recipe.monitor != "val_loss" and not is_model(name):
        settings["monitor"] = f"val_{settings['score']}"
    if folds:
        arguments.setdefault("fold", 0)
        settings["recipe.folds"] = list(range(folds))
    entry = dataclasses.replace(entry, data_name=data_name, data_args={})
    arguments |= _alignment(entry, overrides, arguments, splits)
    if data_name in _UNSCALED and entry.scaling.get("features"):
        arguments.setdefault("standardize", False)
    entry = dataclasses.replace(entry, data_args=arguments)
    settings |= _aligner(entry, overrides, arguments, splits)
    if "num_samples" in model_arguments(entry.model_class):  # SelfMM keeps a label of each
        settings["model.num_samples"] = splits["train"].num_samples
    # An entry may say which class comes before its arguments.
    rest = {k: x for k, x in overrides.items() if not _is_of_data(k, data_name)}
    rest.pop("data", None)
    entry = entry.override({**_plain(settings, rest), **rest})
    features = features_of(entry, place) or _features_of_start(name, entry)
    entry = dataclasses.replace(entry, features=features)
    entry = dataclasses.replace(
        entry, weights=_weights(name, data, entry, {**given, **rest}, task, from_scratch)
    )
    return Start(entry, place, told)


def _plain(settings, overrides):
    """Leave out what overrides say in another way: of `loss` and `recipe.loss` one is enough."""
    said = {key.rpartition(".")[2] for key in overrides}
    found = {k: x for k, x in settings.items() if k.rpartition(".")[2] not in said}
    if "metrics" in said and "targets" not in said:
        found.pop("targets", None)
    return found


def _data_arguments(data_name, overrides):
    valid = datasets.arguments(data_name)
    found = {}
    for key, value in overrides.items():
        place, _, bare = key.rpartition(".")
        if bare in valid and place in ("", "data") and _is_of_data(key, data_name):
            found[bare] = value
    return found


def _is_of_data(key, data_name):
    place, _, bare = key.rpartition(".")
    if bare not in datasets.arguments(data_name):
        return False
    # `folds` of a recipe are those of the data here.
    return place == "data" or (place == "" and bare != "modalities")


def _with_splits(data_name, place, given):
    """Return arguments of the data with which there are three splits."""
    arguments = dict(given)
    if data_name != "own":
        return arguments
    # Values such as the logarithm of 0 come with many extractors; they are counted and told.
    arguments.setdefault("clean", True)
    there = datasets.splits(data_name, place, **arguments)
    for split in _SPLITS[1:]:
        if split not in there:
            arguments[split] = _SHARE
    return arguments


def _load(data_name, place, arguments):
    return {
        split: datasets.load(data_name, split, data_dir=place, shuffle=False, **arguments)
        for split in _SPLITS
    }


def _told(data, task, splits):
    labels = np.concatenate([x.labels for x in splits.values()])
    counts = ", ".join(f"{x.num_samples:,} {split}" for split, x in splits.items())
    widths = ", ".join(f"{m} {size}" for m, size in splits["train"].modalities.items())
    settings = task.settings()
    return [
        f"{data}: {task.described(labels)}; {counts}; {widths}.",
        f"Task {task.kind}: loss {settings['loss']}, score {settings['score']}. --task and --set "
        "choose others.",
    ]


def _of_class(name, data_name, modalities, task):
    settings = task.settings()
    return zoo.Entry(
        name=_slug(f"{name}_{data_name}"),
        title=_title(name, data_name),
        paper=f"See kerasfuse.models.{name}.",
        summary=f"{name}, for {', '.join(modalities)}, as `kerasfuse train {name} --data` made it.",
        model_class=name,
        model_args={
            "modalities": modalities,
            "num_outputs": task.num_outputs,
            **model_defaults(name, modalities, task.num_outputs),
        },
        data_name=data_name,
        data_args={},
        recipe=zoo.Recipe(**RECIPE, **settings),
        weights=Weights("own", "own", False, "own"),
        scaling={"features": True, "labels": task.scales_labels},
    )


def _of_entry(name, data_name, modalities, task, splits, from_scratch):
    start = zoo.entry(name)
    resized = start.override({"model.modalities": modalities})
    args = {**resized.model_args, "num_outputs": task.num_outputs}
    needed = needed_arguments(start.model_class, modalities, task.num_outputs)
    args = {**needed, **args}
    if "entropy" in needed:  # whatever it was, it must be this
        args["entropy"] = needed["entropy"]
    if modalities.get(args.get("anchor", "text"), 0) is not None:  # vectors, not ids
        args.pop("text_encoder", None)
    recipe = dataclasses.replace(
        start.recipe,
        **{"targets": (), **task.settings(), "monitor": "val_loss"},
        folds=(),
        text_preset=None,
        modulation=None if task.scales_labels else start.recipe.modulation,
        initial_weights=str(name) if start.weights.file and not from_scratch else None,
    )
    same = start.data_name == data_name
    # Weights that were trained on features of the same names and widths know their units.
    known = recipe.initial_weights and plain_sizes(start) == modalities and not start.scaling
    scaling = {"features": not known, "labels": task.scales_labels and not known}
    return dataclasses.replace(
        start,
        name=_slug(f"{start.name}_on_{data_name}"),
        model_args=args,
        parameters=None,
        recipe=dataclasses.replace(recipe, monitor=start.recipe.monitor)
        if start.recipe.monitor == "val_loss"
        else dataclasses.replace(recipe, monitor=f"val_{recipe.score}"),
        published=[],
        results={},
        scaling=start.scaling if same else scaling,
        features=start.features if same and plain_sizes(start) == modalities else {},
        **({} if same else _texts(start, data_name, modalities)),
    )


def _features_of_start(name, entry):
    """Return how the features of the entry that is begun with are made, where these are the same.

    Of other data nobody said how to make them, and what a person's own files are is not known.
    """
    if is_model(name) or is_of_users(entry.data_name):
        return {}
    start = zoo.entry(name)
    sides = [
        (x.data_name, sizes(x.model_args), {k: v for k, v in x.data_args.items() if k not in _SAME})
        for x in (start, entry)
    ]
    return start.features if sides[0] == sides[1] else {}


def _texts(start, data_name, modalities):
    """Return a title and a summary, as those of the entry speak of its own data."""
    return {
        "title": _title(start.model_class, data_name),
        "summary": f"{start.model_class}, for {', '.join(modalities)}, with the settings of the "
        f"entry {start.name} where they fit these data.",
    }


def _title(model_class, data_name):
    on = "files of your own" if is_of_users(data_name) else data_name
    return f"{model_class} on {on}"


def plain_sizes(entry):
    return {
        m: list(size) if isinstance(size, tuple) else size
        for m, size in entry.model_args["modalities"].items()
    }


def _slug(text):
    return re.sub(r"[^a-z0-9_-]+", "_", text.lower()).strip("_-") or "own"


def named_after(start):
    """Return the entry of a `Start`; that of one's own data has the name of their file."""
    entry = start.entry
    if entry.data_name != "own":
        return entry
    stem = _slug(pathlib.Path(start.data_dir or "own").stem)
    return dataclasses.replace(entry, name=_slug(entry.name.removesuffix("own") + stem))


def _alignment(entry, overrides, arguments, splits):
    """Say that the modalities share their steps, where a model asks for it and they do."""
    said = {key.rpartition(".")[2] for key in overrides}
    if "align_to" not in model_arguments(entry.model_class) or said & {"align_to", "aligned"}:
        return {}
    takes = "aligned" in datasets.arguments(entry.data_name)
    if not takes or splits["train"].aligned or not _share_steps(splits):
        return {}
    return {"aligned": True}


def _share_steps(splits):
    for data in splits.values():
        lengths = np.array(list(data.lengths.values()))
        if len(lengths) < 2:
            return False
        if ((lengths != lengths.max(axis=0)) & (lengths > 0)).any():
            return False
    return True


def _aligner(entry, overrides, arguments, splits):
    """Let a model align sequences that do not share their steps, where it takes aligned ones."""
    takes = model_arguments(entry.model_class)
    said = {key.rpartition(".")[2] for key in overrides}
    aligned = arguments.get("aligned") or splits["train"].aligned
    if "align_to" not in takes or aligned or "align_to" in said or entry.data_name != "own":
        return {}
    lengths = splits["train"].lengths
    if len(lengths) < 2:
        return {}
    first = min(lengths, key=lambda m: float(np.mean(lengths[m])))
    steps = int(max(lengths[first].max(), 1))
    return {"model.align_to": first, "model.align_steps": min(steps, _ALIGN_STEPS)}


def _weights(name, data, entry, said, task, from_scratch):
    # Of a path the name alone: what is published tells nobody's folders.
    data = pathlib.Path(data).name
    options = ["--data", data, *command_options(said)]
    options += ["--task", task] if task else []
    options += ["--from-scratch"] if from_scratch else []
    own = entry.data_name == "own"
    named = None if own or is_model(name) or hub.is_address(name) else zoo.entry(name)
    terms = (
        (named.weights.license, named.weights.commercial)
        if named is not None and named.data_name == entry.data_name
        else (OWN_TERMS if is_of_users(entry.data_name) else UNSTATED_TERMS, False)
    )
    return Weights(
        trained_on=f"{entry.data_name}: {data}" if own else entry.data_name,
        license=terms[0],
        commercial=terms[1],
        made_by=" ".join(["kerasfuse train", str(name), *options]),
    )
