"""How a model's metrics fall when modalities fail, frames get lost or features are noisy."""

from typing import NamedTuple

from kerasfuse import metrics as fuse_metrics
from kerasfuse.analysis.corruptions import (
    dropped,
    feature_spread,
    noisy,
    order_of_removal,
    removed,
)
from kerasfuse.analysis.predictions import check_labels, predictions
from kerasfuse.tables import Table

LEVELS = {
    "removed": (0.25, 0.5, 0.75, 1.0),
    "dropped": (0.25, 0.5, 0.75, 0.9),
    "noise": (0.25, 0.5, 1.0, 2.0),
}


class Robustness(NamedTuple):
    """What `robustness` finds.

    Attributes:
        clean: dict of metric name to value on untouched inputs.
        curves: dict of corruption, `"removed"`, `"dropped"` or `"noise"`, to dict of what it
            befalls, a modality's name or `"all"`, to dict of level to dict of metric to value.
    """

    clean: dict
    curves: dict

    def curve(self, corruption, modality, metric):
        """Return levels and values of one curve, from the untouched 0 on, as two lists."""
        scores = self.curves[corruption][modality]
        return [0.0, *scores], [self.clean[metric], *(found[metric] for found in scores.values())]

    def table(self, metric):
        """Return one metric as rows of `(corruption, modality, level, value, change)`."""
        return [
            (kind, modality, level, found[metric], found[metric] - self.clean[metric])
            for kind, befallen in self.curves.items()
            for modality, scores in befallen.items()
            for level, found in scores.items()
        ]

    def _repr_markdown_(self):
        rows = [{"corruption": "none", "modality": "", "level": 0.0, **self.clean}]
        rows += [
            {"corruption": kind, "modality": modality, "level": level, **found}
            for kind, befallen in self.curves.items()
            for modality, scores in befallen.items()
            for level, found in scores.items()
        ]
        return Table(rows).markdown()


def robustness(model, batches, metrics, levels=None, seed=0, progress=None):
    r"""Score a model on inputs that are ever more corrupted.

        removed   a modality is all zeros in a share p of the samples; p = 1 removes it
        dropped   a share p of the valid steps of each sample is set to zero, a missing frame
        noise     x + p sd n,   n ~ N(0, 1),   sd of each feature over the valid steps of `batches`

    each for every modality alone, the last two also for all at once (`"all"`). Padding, on either
    side, stays what it is. Images have no steps to drop, integer ids no noise; a
    corruption that befalls nothing has no curves.

    Draws depend on seed, modality and sample alone: not on the batch size, nor on the level, so
    that a higher level changes all that a lower one changes, and models are compared on the
    same corrupted samples.

    Reference: missing frames and modalities as in Hazarika et al., "Analyzing Modality Robustness
    in Multimodal Sentiment Analysis", NAACL 2022, who zero out at test time and add noise; levels
    are ours.

    Args:
        model: any model that takes the inputs of `batches`.
        batches: `kerasfuse.datasets.Batches` with labels, not shuffled.
        metrics: list such as `kerasfuse.metrics.sentiment("mosi")`.
        levels: dict of corruption to its levels above 0, or `None` for `LEVELS`; a corruption that
            is not named is left out.
        seed: seed of all draws.
        progress: called after each pass over the data with the number of passes made and to make.

    Returns:
        A `Robustness`.

    Raises:
        ValueError: for shuffled batches, no labels, an unknown corruption, or a level that is none.

    Example:

    >>> from kerasfuse import datasets, metrics, models
    >>> test = datasets.load("simulated", split="test", like="mosi", num_samples=4)
    >>> model = models.LFLSTM(test.modalities, dim=4, hidden_units=[])
    >>> found = robustness(model, test, metrics.sentiment("mosi"), {"dropped": [0.5]})
    >>> list(found.curves["dropped"]), found.curve("dropped", "text", "mae")[0]
    (['text', 'audio', 'vision', 'all'], [0.0, 0.5])
    """
    check_labels(batches)
    levels = _checked(LEVELS if levels is None else levels)
    spread = feature_spread(batches) if "noise" in levels else {}
    order = {m: order_of_removal(batches.num_samples, m, seed) for m in batches.modalities}
    corrupt = {
        "removed": lambda x, rows, level, m: removed(x, rows, level, order[m]),
        "dropped": lambda x, rows, level, m: dropped(x, rows, level, m, seed),
        "noise": lambda x, rows, level, m: noisy(x, rows, level, m, seed, spread[m]),
    }
    found = {kind: _befallen(kind, batches, spread) for kind in levels}
    befallen = {kind: names for kind, names in found.items() if names}
    plan = [
        (kind, name, level)
        for kind, names in befallen.items()
        for name in names
        for level in levels[kind]
    ]

    def scored(change=None):
        outputs = predictions(model, batches, change)
        return fuse_metrics.evaluate(metrics, batches.labels, outputs)

    clean = scored()
    curves = {kind: {name: {} for name in names} for kind, names in befallen.items()}
    for number, (kind, name, level) in enumerate(plan, start=1):
        members = befallen[kind][name]

        def change(inputs, rows, kind=kind, level=level, members=members):
            changed = {m: corrupt[kind](inputs[m], rows, level, m) for m in members}
            return {**inputs, **changed}

        curves[kind][name][float(level)] = scored(change)
        if progress is not None:
            progress(number, len(plan))
    return Robustness(clean, curves)


def _befallen(kind, batches, spread):
    """Return what a corruption befalls: name of a modality or `"all"` -> modalities."""
    names = list(batches.modalities)
    if kind == "dropped":
        names = [m for m in names if isinstance(batches.modalities[m], int | None)]
    if kind == "noise":
        names = [m for m in names if m in spread]
    found = {m: (m,) for m in names}
    # Without any modality a model can but guess: that is `modality_contribution`'s `none`.
    return found if kind == "removed" or len(names) < 2 else {**found, "all": tuple(names)}


def _checked(levels):
    found = {}
    for kind, values in levels.items():
        if kind not in LEVELS:
            raise ValueError(
                f"expected corruptions among {', '.join(LEVELS)}. Received: levels={levels!r}"
            )
        highest = float("inf") if kind == "noise" else 1.0
        if not len(values) or not all(0 < value <= highest for value in values):
            raise ValueError(
                f"expected levels of {kind!r} above 0, "
                f"{'finite' if kind == 'noise' else 'at most 1'}. Received: {list(values)!r}"
            )
        found[kind] = sorted(set(map(float, values)))
    return found
