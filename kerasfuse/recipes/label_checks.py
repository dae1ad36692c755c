"""Whether the labels of a data set fit the loss and the metrics of a recipe."""

import keras
import numpy as np

from kerasfuse import datasets


def _single(labels):
    return labels.ndim < 2 or labels.shape[1:] == (1,)


def _whole(labels):
    return bool((labels == np.round(labels)).all())


def _between(low, high):
    return lambda labels: labels.min() >= low and labels.max() <= high


def _sentiment(limit):
    # Of ratings of one sign, both readings of Acc-2 would be near 100 %.
    def fits(labels):
        within = _single(labels) and _between(-limit, limit)(labels)
        return within and labels.min() < 0 < labels.max()

    return f"sentiment from -{limit} to {limit}", fits


def _classes(count):
    fits = _between(0, count - 1)
    return f"classes 0 to {count - 1}", lambda x: _single(x) and _whole(x) and fits(x)


def _labels(count):
    def fits(labels):
        return labels.shape[1:] == (count,) and _whole(labels) and _between(0, 1)(labels)

    return f"{count} labels, each 0 or 1", fits


def _emotions(labels):
    return labels.shape[1:] in ((4,), (4, 2)) and _whole(labels) and _between(0, 1)(labels)


def _presences(labels):
    return labels.shape[1:] == (6,) and _whole(labels) and _between(0, 1)(labels)


# What each loss and each suite of metrics reads, in words and as a test of all labels; errors read
# any number. The suites of data sets with classes, and the loss of classes, go by their number.
_OF_LOSS = {
    "binary_crossentropy": ("numbers from 0 to 1", _between(0, 1)),
    "sentiment_cross_entropy": (
        "numbers from -3 to 3",
        lambda labels: _single(labels) and _between(-3, 3)(labels),
    ),
    "emotion_cross_entropy": ("four emotions", _emotions),
}
_OF_METRICS = {
    "binary": ("0 and 1", _classes(2)[1]),
    "mosi": _sentiment(3),
    "mosei": _sentiment(3),
    "sims": _sentiment(1),
    "iemocap": ("four emotions", _emotions),
    "mosei_emotions": ("six emotions, each 0 or 1", _presences),
}
# What reads outputs as logits says nothing of a model that another loss trained.
_LOSS_OF_METRICS = {
    "binary": "binary_crossentropy",
    "iemocap": "emotion_cross_entropy",
    "mosei_emotions": "binary_crossentropy",
    "multilabel": "binary_crossentropy",
}
# The losses that compare one output with one number of a label. Keras would repeat the shorter.
_NUMBER_BY_NUMBER = ("mae", "mse", "binary_crossentropy")


def check_labels(entry, labels):
    """Refuse labels that the loss or the metrics of an entry's recipe would read wrongly.

    Keras computes a number from any labels: a cross-entropy below zero, an accuracy of 100 %.

    Args:
        entry: an `Entry`.
        labels: dict of split to array `(samples, ...)`.

    Raises:
        ValueError: for labels that do not fit, with what would fit them.
    """
    recipe = entry.recipe
    together = np.concatenate(list(labels.values()))
    of_loss, of_metrics = _OF_LOSS.get(recipe.loss), _OF_METRICS.get(recipe.metrics)
    if recipe.loss == "sparse_categorical_crossentropy":
        of_loss = _classes(entry.model_args.get("num_outputs", 1))
    if recipe.num_classes:
        of_metrics = _classes(recipe.num_classes)
    elif recipe.metrics == "multilabel":
        of_metrics = _labels(len(recipe.targets))
    for argument, name, reads in (
        ("loss", recipe.loss, of_loss),
        ("metrics", recipe.metrics, of_metrics),
    ):
        if reads and not reads[1](together):
            raise ValueError(
                f"expected labels that are {reads[0]}, as {argument} = {name!r} reads them. "
                f"Received: {_described(labels)} of {entry.data_name!r}. {_advice(together)}"
            )
    wanted = _loss_of(recipe)
    if wanted and recipe.loss != wanted:
        raise ValueError(
            f"expected logits, as metrics = {recipe.metrics!r} reads outputs. Received: "
            f"loss = {recipe.loss!r}, which trains something else. Set loss to {wanted!r}."
        )
    _check_number_of_outputs(entry, labels, together)
    _check_shapes(entry, together)


def _loss_of(recipe):
    """Name the loss that a recipe's metrics ask for; `None` for those of regression."""
    if recipe.num_classes:
        return "sparse_categorical_crossentropy"
    return _LOSS_OF_METRICS.get(recipe.metrics)


def _check_shapes(entry, labels):
    """Let the loss and the metrics read outputs of the model's shape, before there is a model."""
    outputs = entry.model_args.get("num_outputs", 1)
    y = labels[:2].astype("float32")
    try:
        zeros = np.zeros((len(y), outputs), "float32")
        keras.ops.convert_to_numpy(entry.recipe.make_loss()(y, zeros))
        for metric in entry.recipe.make_metrics():
            metric.update_state(y, zeros)
    # Whatever a backend raises of shapes that do not go together.
    except Exception as error:
        raise ValueError(
            f"expected outputs that loss = {entry.recipe.loss!r} and metrics = "
            f"{entry.recipe.metrics!r} can read beside labels of shape {labels.shape[1:]}. "
            f"Received: num_outputs = {outputs} ({str(error).splitlines()[0]})."
        ) from error


def _check_number_of_outputs(entry, labels, together):
    outputs = entry.model_args.get("num_outputs", 1)
    numbers = int(np.prod(together.shape[1:]))
    if entry.recipe.loss in _NUMBER_BY_NUMBER and outputs != numbers:
        raise ValueError(
            f"expected an output for each of the {numbers} numbers of a label of "
            f"{entry.data_name!r}. Received: num_outputs = {outputs}, and {_described(labels)}. "
            f"Set num_outputs to {numbers}."
        )
    if entry.recipe.loss != "sparse_categorical_crossentropy":
        return
    classes = datasets.num_classes(entry.data_name) or int(together.max()) + 1
    if entry.recipe.metrics == "classes":  # one of them may be in no sample here
        classes = entry.recipe.num_classes
    if outputs != classes:
        raise ValueError(
            f"expected an output for each of the {classes} classes of {entry.data_name!r}. "
            f"Received: num_outputs = {outputs}, and {_described(labels)}. Set num_outputs to "
            f"{classes}, and metrics to those of a data set with as many classes."
        )


def _described(labels):
    parts = []
    for split, values in labels.items():
        found = np.unique(values)
        if len(found) <= 6:
            shown = ", ".join(f"{value:g}" for value in found)
        else:
            shown = f"{len(found)} values from {found[0]:g} to {found[-1]:g}"
        shape = "" if _single(values) else f", shape {values.shape[1:]}"
        parts.append(f"{shown}{shape} in {split}")
    return "labels " + "; ".join(parts)


def _advice(labels):
    whole = _whole(labels)
    if _presences(labels):
        return (
            "These fit loss = 'binary_crossentropy' with num_outputs = 6 and metrics = "
            "'mosei_emotions'."
        )
    if not _single(labels):
        return (
            "Several numbers a sample fit loss = 'mae' and metrics = 'regression' with "
            f"num_outputs = {int(np.prod(labels.shape[1:]))}."
        )
    if whole and set(np.unique(labels)) <= {0, 1}:
        return "These fit loss = 'binary_crossentropy' and metrics = 'binary'."
    if whole and labels.min() >= 0 and labels.max() < 20:
        count = int(labels.max()) + 1
        classes = f"loss = 'sparse_categorical_crossentropy' with num_outputs = {count}"
        if labels.min() > 0:
            classes = "loss = 'sparse_categorical_crossentropy' once they are numbered from 0"
        return (
            f"Ratings fit loss = 'mae' and metrics = 'regression'; classes fit {classes} and "
            "metrics = 'classes'."
        )
    fit = "Numbers fit loss = 'mae' or 'mse'"
    if labels.min() < 0 < labels.max() and np.abs(labels).max() <= 3:
        return f"{fit}, and metrics = 'mosi'."
    return (
        f"{fit}, and metrics = 'regression'. The metrics of sentiment read ratings around 0: shift "
        "yours so that 0 is neutral."
    )
