"""Score models by a recipe's loss and metrics, beside the best constant prediction."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re

import keras
import numpy as np

from kerasfuse import datasets, metrics, zoo
from kerasfuse.entries.serialization import plain
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.nearest_names import choose
from kerasfuse.recipes.label_checks import check_labels
from kerasfuse.recipes.run_folder import RunData, folder_of_data
from kerasfuse.recipes.tasks.data_place import data_place
from kerasfuse.recipes.tasks.preparing import prepared, refresh_companions, weigh_classes
from kerasfuse.recipes.text_preset import check_text_preset
from kerasfuse.shown import shortened, shown
from kerasfuse.tables import Results
from kerasfuse.training import WarmupLinearDecay
from kerasfuse.training.callbacks.gate_of import gate_of

SPLITS = ("train", "validation", "test")
# Entries and data that this process has seen to go together: a comparison, its searches and their
# trainings ask in turn.
_FITTING = set()
# Metrics that a constant prediction has none of.
_NO_CONSTANT = ("corr", "spearman", "concordance")


def evaluate(
    name: str | os.PathLike[str],
    split: str = "test",
    data_dir: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = "default",
    data: str | os.PathLike[str] | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Score an entry's model on one split of its data.

    Args:
        name: an entry's name or address; a run folder is one.
        split: `"train"`, `"validation"` or `"test"`; of your own data also `"everything"`.
        data_dir: folder of the real data, see `kerasfuse.datasets.load`; of a run, by default the
            one that it was trained on.
        weights: as in `zoo.load`.
        data: path of other data, with the same modalities and kind of labels, or name of another
            data set. Without a training split, the constant is chosen on the split that is scored.

    Returns:
        Two dicts, metric -> value: the model's, and those of the best constant prediction (see
        `constant_scores`).

    Raises:
        ValueError: for an unknown entry or split.
        FileNotFoundError: when weights or data are not there.

    Example:

    >>> from kerasfuse import recipes
    >>> scores, constant = recipes.evaluate("mica_mosei")
    """
    entry, data_dir = on_data(name, data, data_dir)
    choose("split", split, (*SPLITS, *["everything"] * (entry.data_name == "own")))
    model = zoo.load(name, weights)
    scored = load_split(entry, split, data_dir, shuffle=False)
    there = datasets.splits(entry.data_name, data_dir, **entry.data_args)
    if "train" in there and split != "everything":
        train_labels = load_split(entry, "train", data_dir).labels
    else:
        train_labels = scored.labels
    check_labels(entry, {"train": train_labels, split: scored.labels})
    return score(model, entry, scored), constant_scores(entry.recipe, train_labels, scored.labels)


def on_data(name, data=None, data_dir=None):
    """Return an entry, and where its data are: its own, a run's, or others.

    Args:
        name: an entry's name or address.
        data: path of other data, or name of another data set; `None` for its own.
        data_dir: folder of the real data.

    Raises:
        ValueError: for data that are not there.
    """
    entry = zoo.entry(name)
    if data is None:
        return entry, data_dir or folder_of_data(name)
    data_name, place = data_place(data, data_dir)
    if data_name == entry.data_name:
        arguments = entry.data_args
        if data_name == "own":  # a division is that of the files that were trained on
            division = ("fold", "folds", "validation", "test", "group", "weight")
            arguments = {k: x for k, x in arguments.items() if k not in division}
    else:
        arguments = {"classes": list(entry.recipe.targets)} if _names_classes(entry) else {}
        arguments = arguments if data_name == "own" else {}
    recipe = dataclasses.replace(entry.recipe, folds=())
    return dataclasses.replace(
        entry, data_name=data_name, data_args=arguments, recipe=recipe
    ), place


def _names_classes(entry):
    return entry.recipe.metrics == "classes"


def check_fit(entry, data_dir=None, splits=SPLITS):
    """Refuse data that an entry's model, loss or metrics would read wrongly, before any training.

    Args:
        entry: an `Entry`.
        data_dir: folder of the real data.
        splits: names of those that are read, of training and validation at least.

    Returns:
        `RunData`, by which a run knows its data again.

    Raises:
        ValueError: for labels that do not fit, see `check_labels`, sequences that do not share
            their steps where the model needs it, modalities to drop that are not there, and
            weights to begin with, layers to freeze, a text preset, a gate or means for
            companions that there are not.
    """
    splits = {split: load_split(entry, split, data_dir) for split in splits}
    check_labels(entry, {split: data.labels for split, data in splits.items()})
    digests = {split: data.checksum() for split, data in splits.items()}
    _check_model(entry, splits, digests["train"] + digests["validation"])
    data = RunData(
        _joined(digests),
        {split: data.num_samples for split, data in splits.items()},
        None if data_dir is None else str(pathlib.Path(data_dir).absolute()),
    )
    if entry.recipe.class_weights is not None:
        weigh_classes(splits["train"], entry.recipe)
    return data


def _check_model(entry, splits, digest):
    recipe = entry.recipe
    key = json.dumps(plain(entry.definition())) + digest
    # What lies in other files may have changed since.
    is_told_by_key = recipe.initial_weights is None and recipe.text_preset is None
    if is_told_by_key and key in _FITTING:
        return
    _check_by_building(entry, splits)
    _FITTING.add(key)


def _check_by_building(entry, splits):
    model = prepared(entry, splits["train"])
    model.check_data(splits["validation"])
    if entry.recipe.drop_modality:
        datasets.ModalityDropout(splits["train"], entry.recipe.drop_modality)  # checks the names
    if entry.recipe.text_preset is not None:
        check_text_preset(model, entry.recipe.text_preset)
    if entry.recipe.gate_search is not None:
        gate_of(model)  # there is one
    if entry.recipe.companions is not None:
        refresh_companions(entry, splits["train"]).check(model)
    _check_step(model, entry, splits["validation"])


def _check_step(model, entry, data):
    """Compute the loss of a few samples: what arguments are wrong for shows by then."""
    inputs, labels = data[0]
    try:
        # Where companions are asked for, rows come in sevens: a sample and six of its own.
        count = 7 if entry.model_args.get("pairs") == "companions" else 2
        rows = np.arange(count) % len(labels)
        few, labels = {name: x[rows] for name, x in inputs.items()}, labels[rows]
        outputs = model(few, training=True)
        model.compile(loss=entry.recipe.make_loss())
        keras.ops.convert_to_numpy(model.compute_loss(few, labels, outputs))
    except Exception as error:  # whatever a backend raises
        if isinstance(error, ValueError) and str(error).startswith("expected "):
            raise
        lines = [line for line in _without_colours(str(error)).splitlines() if line.strip()]
        # The first of Keras only says where.
        told = next((line for line in lines if not line.startswith("Exception enc")), "")
        raise ValueError(
            f"expected arguments with which a model {entry.model_class} can read its data. "
            f"Received: {entry.name}, {shown(entry.model_args)} "
            f"({shortened(told or type(error).__name__)})."
        ) from error


def _without_colours(text):
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def checksum(splits):
    """Return the sha256 of the features and labels of all splits, a dict of `Batches`."""
    return _joined({split: data.checksum() for split, data in splits.items()})


def _joined(digests):
    return hashlib.sha256("".join(digests.values()).encode()).hexdigest()


def score(model, entry, data):
    """Compile a model as its recipe says and evaluate it on batches: metric -> value.

    Raises:
        ValueError: when a score is not finite, as of a model whose outputs are not.
    """
    return score_all(model, entry, {"": data})[""]


def score_all(model, entry, several):
    """Do what `score` does for a dict of name to batches, and compile once: name -> scores."""
    compile_model(model, entry)
    return {name: _evaluated(model, entry, data) for name, data in several.items()}


def _evaluated(model, entry, data):
    values = model.evaluate(data, return_dict=True, verbose=0)
    scores = {name: float(values[name]) for name in _reported(entry.recipe)}
    if not np.isfinite(list(scores.values())).all():
        raise ValueError(
            f"expected a model with finite outputs. Received: {entry.name}, which scores "
            f"{', '.join(f'{name} {value:g}' for name, value in scores.items())}: its weights are "
            "damaged, its training diverged, or a feature is out of all proportion."
        )
    return scores


def load_split(entry, split, data_dir=None, seed=0, shuffle=None):
    """Load one split of an entry's data, batched by its recipe; `seed` decides the order only."""
    return datasets.load(
        entry.data_name,
        split=split,
        batch_size=entry.recipe.batch_size,
        data_dir=data_dir,
        shuffle=shuffle,
        seed=seed,
        **entry.data_args,
    )


def compile_model(model, entry, steps=1):
    """Compile a model with the optimizer, loss and metrics of an entry's recipe.

    Metrics heed sample weights, which companions have: 0.

    Args:
        model: the model.
        entry: an `Entry`.
        steps: steps of an epoch, for a learning rate that goes by steps.
    """
    recipe = entry.recipe
    optimizer = _make_optimizer(recipe, steps)
    model.compile(optimizer, recipe.make_loss(), weighted_metrics=recipe.make_metrics())


def _make_optimizer(recipe, steps):
    rate = recipe.learning_rate
    if recipe.warmup_epochs is not None:
        rate = WarmupLinearDecay(rate, recipe.warmup_epochs * steps, recipe.epochs * steps)
    options = {"global_clipnorm": recipe.clip_norm}
    if recipe.average_weights:
        options |= {"use_ema": True, "ema_momentum": recipe.average_weights}
    if recipe.optimizer == "sgd":
        decay = recipe.weight_decay or None
        return keras.optimizers.SGD(rate, momentum=recipe.momentum, weight_decay=decay, **options)
    if recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, **options)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    return keras.optimizers.Adam(rate, **options)


def constant_scores(
    recipe: zoo.Recipe, train_labels: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Score the best prediction that never looks at the input.

    For every metric the constant is chosen on the training labels and scored on `labels`: for
    accuracies and F1 that is the majority class, for errors the mean or the median.

    Args:
        recipe: a `Recipe`.
        train_labels: array (samples, ...).
        labels: array (samples, ...).

    Returns:
        Dict of metric to value, which a notebook shows as a table; correlations, which a constant
        has none of, are left out.
    """
    constants = _constants(recipe, train_labels)
    on_train = [_score_constant(recipe, constant, train_labels) for constant in constants]
    chosen = {}  # one constant is often the best by several metrics
    scores = Results()
    for name in _reported(recipe):
        sign = -1 if lower_is_better(name) else 1
        if not name.endswith(_NO_CONSTANT):
            best = int(np.nanargmax([sign * found[name] for found in on_train]))
            if best not in chosen:
                chosen[best] = _score_constant(recipe, constants[best], labels)
            scores[name] = chosen[best][name]
    return scores


def _reported(recipe):
    """Name what is reported: the metrics, and the loss unless it is one of them."""
    names = [metric.name for metric in recipe.make_metrics()]
    # The loss of numbers may be that of scaled ones: the errors among the metrics are not.
    return names if recipe.loss in names or recipe.metrics == "regression" else ["loss", *names]


def _constants(recipe, labels):
    if recipe.metrics == "regression":
        labels = labels.reshape(len(labels), -1)
        return [x.astype("float32") for x in (labels.mean(axis=0), np.median(labels, axis=0))]
    if recipe.loss in ("mae", "mse"):
        values = [labels.mean(), np.median(labels), *range(-3, 4)]
        return [np.array([value], "float32") for value in values]
    if recipe.loss == "sentiment_cross_entropy":
        return _class_constants(np.clip(np.round(labels), -3, 3) + 3, 7)
    if recipe.loss == "sparse_categorical_crossentropy":
        return _class_constants(labels, recipe.num_classes)
    # The share of each class, as the logits that have the lowest cross-entropy.
    share = np.clip(labels.mean(axis=0), 1e-7, 1 - 1e-7)
    logits = np.log(share) if share.ndim == 2 else np.log(share / (1 - share))
    constants = [logits.reshape(-1).astype("float32")]
    if recipe.metrics == "multilabel":  # every label, and none
        constants += [np.full(logits.size, sign * 20.0, "float32") for sign in (1, -1)]
    return constants


def _class_constants(labels, num_classes):
    """Give the logits of the share of each class, and of each class alone."""
    shares = np.bincount(labels.astype(int).ravel(), minlength=num_classes) / labels.size
    prior = np.log(shares + 1e-7)
    return [prior.astype("float32"), *(20 * np.eye(num_classes, dtype="float32"))]


def _score_constant(recipe, constant, labels):
    predictions = np.broadcast_to(constant, (len(labels), constant.size))
    loss = keras.ops.convert_to_numpy(recipe.make_loss()(labels, predictions))
    return {"loss": float(loss), **metrics.evaluate(recipe.make_metrics(), labels, predictions)}
