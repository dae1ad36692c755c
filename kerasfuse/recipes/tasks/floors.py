"""What a linear model of averaged features scores: less than that is no fusion."""

import dataclasses
import os
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from kerasfuse import metrics, zoo
from kerasfuse.metrics.conventions import lower_is_better
from kerasfuse.recipes.scoring import load_split
from kerasfuse.recipes.seeds import mean_and_sd

# Strengths of the penalty, the strongest first: among equals the simplest model is taken.
_RIDGE = 10.0 ** np.arange(5, -4, -1)
_LOGISTIC = 10.0 ** np.arange(-4, 3)
_LARGEST_IMAGE = 4096
_NUMBERS = ("mae", "mse", "sentiment_cross_entropy")


@dataclasses.dataclass(frozen=True)
class Floor:
    """Hold what a linear model of averaged features scores on the test split.

    Args:
        name: what it is.
        score: of the test split, the mean over folds.
        parameters: number of its weights.
    """

    name: str
    score: float
    parameters: int


def floor(
    entry: zoo.Entry, metric: str, data_dir: str | os.PathLike[str] | None = None
) -> Floor | None:
    """Fit a linear model of each feature's mean over real steps, its penalty chosen on validation.

    Numbers get ridge regression, classes and labels logistic regression. Means are standardised
    over the training split, and 0 where a modality is absent.

    Args:
        entry: an `Entry`, for its data, its recipe's metrics and its folds.
        metric: the metric by which the penalty is chosen, and that is reported.
        data_dir: folder of the real data.

    Returns:
        A `Floor`; `None` for labels and data that have none: emotions that are pairs of logits, and
        modalities that are all token ids or large images.
    """
    if entry.recipe.metrics == "iemocap":
        return None
    entries = [entry.on_fold(fold) for fold in entry.recipe.folds] or [entry]
    found = [_of_one(each, metric, data_dir) for each in entries]
    if None in found:
        return None
    scores, sizes = zip(*found, strict=True)
    kind = "ridge" if entry.recipe.loss in _NUMBERS else "logistic"
    name = f"{kind} regression on averages"
    return Floor(name, mean_and_sd(scores)["mean"], sizes[0])


def _of_one(entry, metric, data_dir):
    x, y = {}, {}
    for split in ("train", "validation", "test"):
        data = load_split(entry, split, data_dir, shuffle=False)
        averages = averaged(data)
        if averages is None:
            return None
        x[split], y[split] = averages, data.labels
    mean, deviation = x["train"].mean(axis=0), x["train"].std(axis=0)
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean), np.finfo("float32").tiny)
    x = {
        s: np.where(constant, 0, a - mean) / np.where(constant, 1, deviation) for s, a in x.items()
    }
    fit = _ridges if entry.recipe.loss in _NUMBERS else _logistics
    sign = -1 if lower_is_better(metric) else 1
    best = None
    with warnings.catch_warnings():
        # A penalty so weak that it takes longer is not the best one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        candidates = list(fit(x["train"], y["train"], entry.recipe))
    for predict, size in candidates:
        scores = [
            metrics.evaluate(entry.recipe.make_metrics(), y[s], predict(x[s]))[metric]
            for s in ("validation", "test")
        ]
        if best is None or sign * scores[0] > sign * best[0]:
            best = (*scores, size)
    return best[1:]


def averaged(data):
    """Return the mean of each feature over the real steps of each sample, `(samples, features)`.

    Images are taken as they are. A sample without a modality has zeros.

    Args:
        data: `Batches`.

    Returns:
        Array in float64; `None` where nothing is left of token ids and large images.
    """
    names = [
        m
        for m, size in data.modalities.items()
        if isinstance(size, int) or (size and np.prod(size) <= _LARGEST_IMAGE)
    ]
    if not names:
        return None
    rows = []
    for first in range(0, data.num_samples, data.batch_size):
        numbers = np.arange(first, min(first + data.batch_size, data.num_samples))
        inputs = data.gather(numbers)[0]
        rows.append(np.concatenate([_mean(inputs[m]) for m in names], axis=1))
    return np.concatenate(rows)


def _mean(x):
    x = np.asarray(x, "float64")
    if x.ndim == 4:
        return x.reshape(len(x), -1)
    real = x.any(axis=-1).sum(axis=1)
    return x.sum(axis=1) / np.maximum(real, 1)[:, None]


def _ridges(x, y, recipe):
    """Give `(predict, number of weights)` for each penalty: w = (X'X + a I)^-1 X' (y - mean)."""
    y = y.reshape(len(y), -1).astype("float64")
    left, values, right = np.linalg.svd(x, full_matrices=False)
    projected = left.T @ (y - y.mean(axis=0))
    for penalty in _RIDGE:
        w = right.T @ (values[:, None] / (values[:, None] ** 2 + penalty) * projected)
        yield (lambda new, w=w: new @ w + y.mean(axis=0)), w.size + y.shape[1]


def _logistics(x, y, recipe):
    columns = y.reshape(len(y), -1).astype(int)
    for strength in _LOGISTIC:
        if columns.shape[1] == 1 and recipe.num_classes:
            yield _classes(x, columns[:, 0], strength, recipe.num_classes)
        else:
            yield _presences(x, columns, strength)


def _classes(x, y, strength, num_classes):
    model = LogisticRegression(C=strength, max_iter=500).fit(x, y)

    def predict(new):
        # A class that no training sample has is never predicted.
        logits = np.full((len(new), num_classes), -1e9)
        found = model.decision_function(new)
        if found.ndim == 1:
            found = np.stack([-found / 2, found / 2], axis=1)
        logits[:, model.classes_] = found
        return logits

    return predict, num_classes * (x.shape[1] + 1)


def _presences(x, columns, strength):
    models = [
        LogisticRegression(C=strength, max_iter=500).fit(x, y)
        if y.min() < y.max()
        else 2 * y[0] - 1
        for y in columns.T
    ]

    def predict(new):
        logits = [
            np.full(len(new), 20.0 * m) if np.isscalar(m) else m.decision_function(new)
            for m in models
        ]
        return np.stack(logits, axis=1)

    return predict, columns.shape[1] * (x.shape[1] + 1)
