"""What the model says of each test sample beside what is true."""

import numpy as np

from kerasfuse.metrics.label_scheme import EMOTIONS, MOSEI_EMOTIONS
from kerasfuse.metrics.scores import scores
from kerasfuse.report.line_chart import Series, line_chart
from kerasfuse.report.matrix_chart import confusion_chart
from kerasfuse.report.numbers import short
from kerasfuse.report.parts import Table
from kerasfuse.report.scatter_chart import scatter_chart
from kerasfuse.report.sections.per_run import section_per_run

_SHOWN = 1500
_FOLDED_FROM = 8
_CONTINUOUS = ("mosi", "mosei", "sims", "regression")


def outputs(reported_runs):
    """Draw predictions over labels, or the confusion of classes, of the best seed."""
    lead = (
        "Every test sample as the seed that is best on validation predicts it. On the line, or on "
        "the diagonal, it is right."
    )
    return section_per_run(reported_runs, "predictions", "Predictions and labels", lead, _show)


def _show(reported_run):
    kept = reported_run.predictions[reported_run.run.best_seed]
    if reported_run.entry.recipe.metrics in _CONTINUOUS:
        return _scatter(reported_run, kept)
    parts = []
    for title, true, predicted, names in classes(reported_run.entry.recipe, kept):
        counts = confusion(true, predicted, len(names))
        right = int(np.trace(counts))
        text = (
            f"Rows are true classes, columns predicted ones: {right} of {counts.sum()} samples are "
            "on the diagonal. Shades are shares of the row."
        )
        parts.append(confusion_chart(title, text, counts, names))
        cells = [[name, *map(str, row)] for name, row in zip(names, counts, strict=True)]
        columns = ("true \\ predicted", *names)
        folded = len(names) > _FOLDED_FROM
        parts.append(Table(f"{title}, numbers", columns, cells, folded=folded))
        parts.append(_per_class(title, counts, names, folded))
    return parts


def _per_class(title, counts, names, folded):
    """Tell precision, recall and F1 of each class."""
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)

    def share(part, whole):
        return f"{100 * part / whole:.1f}" if whole else "-"

    cells = [
        [name, str(n), share(tp, p), share(tp, n), share(2 * tp, n + p)]
        for name, tp, n, p in zip(names, right, true, said, strict=True)
    ]
    columns = ("class", "samples", "precision, %", "recall, %", "F1, %")
    return Table(f"{title}, one by one", columns, cells, folded=folded)


def _scatter(reported_run, kept):
    if reported_run.entry.recipe.metrics != "regression":
        x = np.asarray(kept.labels, "float64").reshape(-1)
        y = np.asarray(scores(kept.outputs, "expected"), "float64")
        return _scatter_of(reported_run, kept, "", x, y)
    x, y = (np.asarray(a, "float64").reshape(len(a), -1) for a in (kept.labels, kept.outputs))
    names = reported_run.entry.recipe.targets
    several = x.shape[1] > 1
    return [
        part
        for i in range(x.shape[1])
        for part in _scatter_of(
            reported_run, kept, f"{names[i]}: " if several else "", x[:, i], y[:, i]
        )
    ]


def _scatter_of(reported_run, kept, prefix, x, y):
    rows = np.arange(len(x))
    if len(rows) > _SHOWN:
        rows = np.sort(np.random.default_rng(0).permutation(len(rows))[:_SHOWN])
    drawn = "" if len(rows) == len(x) else f" {_SHOWN} of them, drawn at random, are shown."
    spread = np.std(x) * np.std(y)
    corr = np.mean((x - x.mean()) * (y - y.mean())) / spread if spread else 0.0
    text = (
        f"Predicted score over label of {len(x)} test samples, correlation {corr:.3f}.{drawn} "
        "The line is where both agree."
    )
    names = [kept.ids[i] for i in rows]
    title = f"{prefix}Each test sample, seed {reported_run.run.best_seed}"
    drawn = scatter_chart(title, text, x[rows], y[rows], names, "label", "predicted")
    return [drawn, _distributions(prefix, x, y)]


def _distributions(prefix, x, y):
    """Draw how labels and predictions are spread: a model that knows little predicts the mean."""
    edges = np.histogram_bin_edges(np.concatenate([x, y]), bins=16)
    middle = ((edges[1:] + edges[:-1]) / 2).tolist()
    series = []
    for name, values, css in (("labels", x, "s1"), ("predictions", y, "s0")):
        counts, _ = np.histogram(values, bins=edges)
        series.append(Series(name, middle, counts.astype(float).tolist(), css))
    text = (
        f"Samples in {len(middle)} bins of equal width. Labels have mean {short(x.mean())} and sd "
        f"{short(x.std())}, predictions {short(y.mean())} and {short(y.std())}."
    )
    title = f"{prefix}Spread of labels and predictions"
    return line_chart(title, text, series, "score", "samples")


def classes(recipe, kept):
    """Yield `(title, true classes, predicted classes, names)` of every question that is asked."""
    labels, logits = np.asarray(kept.labels), np.asarray(kept.outputs)
    if recipe.metrics == "iemocap":
        pairs = logits.reshape(len(logits), -1, 2)
        true = labels.reshape(len(labels), len(EMOTIONS), -1)
        true = true[..., 1] > true[..., 0] if true.shape[2] == 2 else true[..., 0] > 0.5
        for i, emotion in enumerate(EMOTIONS):
            said = pairs[:, i, 1] > pairs[:, i, 0]
            yield emotion, true[:, i].astype(int), said.astype(int), ("absent", "present")
    elif recipe.metrics == "mosei_emotions":
        for i, emotion in enumerate(MOSEI_EMOTIONS):
            true, said = labels[:, i] > 0.5, logits[:, i] > 0
            yield emotion, true.astype(int), said.astype(int), ("absent", "present")
    elif recipe.metrics == "binary":
        true, said = labels.reshape(-1) > 0.5, logits.reshape(-1) > 0
        yield "Two classes", true.astype(int), said.astype(int), ("0", "1")
    elif recipe.metrics == "multilabel":
        for i, name in enumerate(recipe.targets):
            true, said = labels[:, i] > 0.5, logits[:, i] > 0
            yield name, true.astype(int), said.astype(int), ("absent", "present")
    else:
        # Classes that the files have no names of go by their numbers.
        names = recipe.targets or tuple(map(str, range(logits.shape[1])))
        yield f"{len(names)} classes", labels.reshape(-1).astype(int), logits.argmax(1), names


def confusion(true, predicted, count):
    """Count, (true class, predicted class)."""
    counts = np.zeros((count, count), int)
    np.add.at(counts, (true, predicted), 1)
    return counts
