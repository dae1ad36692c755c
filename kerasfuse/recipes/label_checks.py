"""Whether the labels of a data set fit the loss and the metrics of a recipe."""

import numpy as np

from kerasfuse import datasets

# What each loss reads; the errors, which read any number, are left out.
_OF_LOSS = {
    "binary_crossentropy": "numbers from 0 to 1",
    "sparse_categorical_crossentropy": "classes",
    "sentiment_cross_entropy": "numbers from -3 to 3",
    "emotion_cross_entropy": "four emotions",
}
# What each suite of metrics reads; those of a data set with classes read classes.
_OF_METRICS = {
    "binary": "0 and 1",
    "mosi": "sentiment from -3 to 3",
    "mosei": "sentiment from -3 to 3",
    "sims": "sentiment from -1 to 1",
    "iemocap": "four emotions",
}


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
    for argument, name, kinds in (
        ("loss", recipe.loss, _OF_LOSS),
        ("metrics", recipe.metrics, _OF_METRICS),
    ):
        classes = name in datasets.names() and datasets.num_classes(name)
        kind = kinds.get(name, "classes" if argument == "metrics" and classes else None)
        count = classes or entry.model_args.get("num_outputs", 1)
        if kind and not _fits(kind, together, count):
            wanted = f"classes 0 to {count - 1}" if kind == "classes" else kind
            raise ValueError(
                f"expected labels that are {wanted}, as {argument} = {name!r} reads them. "
                f"Received: {_described(labels)} of {entry.data_name!r}. {_advice(together)}"
            )
    _check_number_of_outputs(entry, labels, together)


def _fits(kind, labels, count):
    low, high = labels.min(), labels.max()
    is_whole = (labels == np.round(labels)).all()
    is_single = labels.ndim < 2 or labels.shape[1:] == (1,)
    if kind == "four emotions":
        return labels.shape[1:] in ((4,), (4, 2)) and is_whole and low >= 0 and high <= 1
    if kind == "numbers from 0 to 1":
        return low >= 0 and high <= 1
    if kind == "0 and 1":
        return is_single and is_whole and low >= 0 and high <= 1
    if kind == "classes":
        return is_single and is_whole and low >= 0 and high < count
    limit = 1 if kind.endswith("from -1 to 1") else 3
    within = is_single and low >= -limit and high <= limit
    # Of ratings of one sign, both readings of Acc-2 would be near 100 %.
    return within and (not kind.startswith("sentiment") or low < 0 < high)


def _check_number_of_outputs(entry, labels, together):
    if entry.recipe.loss != "sparse_categorical_crossentropy":
        return
    outputs = entry.model_args.get("num_outputs", 1)
    classes = datasets.num_classes(entry.data_name) or int(together.max()) + 1
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
        shape = "" if values.ndim < 2 or values.shape[1:] == (1,) else f", shape {values.shape[1:]}"
        parts.append(f"{shown}{shape} in {split}")
    return "labels " + "; ".join(parts)


def _advice(labels):
    single = labels.ndim < 2 or labels.shape[1:] == (1,)
    whole = (labels == np.round(labels)).all()
    if not single:
        return "Several numbers a sample: train in Python, with a loss and metrics of your choice."
    if whole and set(np.unique(labels)) <= {0, 1}:
        return "These fit loss = 'binary_crossentropy' and metrics = 'binary'."
    if whole and labels.min() >= 0 and labels.max() < 20:
        count = int(labels.max()) + 1
        classes = f"loss = 'sparse_categorical_crossentropy' with num_outputs = {count}"
        if labels.min() > 0:
            classes = "loss = 'sparse_categorical_crossentropy' once they are numbered from 0"
        return (
            f"Ratings fit loss = 'mae'; classes fit {classes}. For metrics that fit them, train in "
            "Python: model.compile(..., metrics=...)."
        )
    fit = "Numbers fit loss = 'mae' or 'mse'"
    if labels.min() < 0 < labels.max() and np.abs(labels).max() <= 3:
        return f"{fit}, and metrics = 'mosi'."
    return (
        f"{fit}. The metrics of sentiment read ratings around 0: shift yours so that 0 is neutral, "
        "or train in Python with metrics of your choice."
    )
