"""What attends to what in one sample."""

import numpy as np

from kerasfuse.analysis.attention.statistics import attention_names, layer_of
from kerasfuse.analysis.correlation_accuracy import correspondence
from kerasfuse.report.matrix_chart import attention_chart
from kerasfuse.report.numbers import short
from kerasfuse.report.sections.per_run import NotThereError, section_per_run

_MOST_CELLS = 64


def attention(reported_runs):
    """Draw the attention maps of the last layer, averaged over heads."""
    lead = (
        "Attention of the last layer in one test sample, averaged over heads, dark where much "
        "goes. Rows attend, columns are attended to. Where the true alignment is known, steps of "
        "the same event are outlined."
    )
    return section_per_run(reported_runs, "attention", "Attention", lead, _show)


def map_names(model):
    """Return the names of the maps of the last layer: of all pairs, of the chosen primary."""
    names = attention_names(model)
    layers = [layer_of(name) for name in names]
    last = max((layer for layer in layers if layer is not None), default=None)
    return [n for n, layer in zip(names, layers, strict=True) if layer in (None, last)]


def _show(reported_run):
    if not hasattr(reported_run.model, "intermediates"):
        raise NotThereError("This model shows nothing of its inner life.")
    names = map_names(reported_run.model)
    if not names:
        raise NotThereError(f"{reported_run.entry.model_class} has no attention maps.")
    test = reported_run.test
    chosen, truth = _sample(test)
    inputs = test.gather([chosen])[0]
    maps = reported_run.model.extract(*names).predict_on_batch(inputs)
    parts = []
    for name in names:
        weights = np.asarray(maps[name], "float64")
        weights = weights.reshape(-1, *weights.shape[-2:])[0]
        source, _, target = name.split("/")[-1].partition("_to_")
        steps = {m: _valid(x[0]) for m, x in inputs.items()}
        outline = None
        if target in steps and weights.shape == tuple(inputs[m].shape[1] for m in (target, source)):
            weights = weights[steps[target], steps[source]]
            if truth is not None:
                outline = correspondence(truth[target], truth[source])
        else:
            # Columns that nothing attends to are padding.
            weights = weights[:, _valid(weights.T)]
        if not weights.size:
            continue
        parts.append(_chart(name, source, target, weights, outline, test.ids[chosen]))
    return parts


def _chart(name, source, target, weights, outline, sample):
    weights, rows, columns = _pooled(weights)
    if outline is not None:
        outline = outline if (rows, columns) == (1, 1) else None
    if target:
        title, x_label, y_label = f"{source} \u2192 {target}", f"{source} step", f"{target} step"
    else:
        title = name.removeprefix("attention/").replace("/", ", ")
        x_label, y_label = f"{source} step", "query"
    even = 1.0 / weights.shape[1]
    pooled = "" if (rows, columns) == (1, 1) else f" Each cell is {rows} by {columns} steps."
    text = (
        f"Sample {sample}: {weights.shape[0]} rows attend to {weights.shape[1]} columns; the "
        f"highest weight is {short(float(weights.max()))}, even attention {short(even)}.{pooled}"
    )
    return attention_chart(title, text, weights, outline, x_label, y_label)


def _sample(test):
    """Choose, of the first 64, the sample with most true events, or whose shortest is longest."""
    counts = range(min(test.num_samples, 64))
    try:
        truths = [test.alignment(i) for i in counts]
    except ValueError:
        lengths = [min(_length(x[0]) for x in test.gather([i])[0].values()) for i in counts]
        return int(np.argmax(lengths)), None
    events = [min(int(found.max(initial=-1)) for found in truth.values()) for truth in truths]
    best = int(np.argmax(events))
    return best, truths[best]


def _length(x):
    steps = _valid(x)
    return steps.stop - steps.start


def _valid(x):
    real = np.flatnonzero(x if x.ndim == 1 else x.any(axis=-1))
    return slice(real[0], real[-1] + 1) if real.size else slice(0, 0)


def _pooled(weights):
    """Average over blocks so that a map has no more cells a side than can be seen.

    Rows are averaged and columns summed, so that a row still adds up to what it did.
    """
    rows, columns = (-(-size // _MOST_CELLS) for size in weights.shape)
    high, wide = (-(-size // n) for size, n in zip(weights.shape, (rows, columns), strict=True))
    filled = np.zeros((high * rows, wide * columns))
    filled[: weights.shape[0], : weights.shape[1]] = weights
    # The last block may have fewer rows.
    members = np.minimum(rows, weights.shape[0] - rows * np.arange(high))
    blocks = filled.reshape(high, rows, wide, columns).sum(axis=(1, 3))
    return blocks / members[:, None], rows, columns
