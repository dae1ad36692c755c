"""What each modality contributes to a model, in the units of its metrics."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from kerasfuse import metrics as fuse_metrics
from kerasfuse import ops as fuse_ops
from kerasfuse.analysis.predictions import check_labels, predictions, without
from kerasfuse.tables import Table


class ModalityContribution(NamedTuple):
    """What `modality_contribution` finds; differences keep the sign of the metric.

    Attributes:
        everything: dict of metric to value with all modalities.
        nothing: dict of metric to value with every modality absent.
        absent: dict of modality to dict of metric to how much lower it is without the modality.
        permuted: dict of modality to dict of metric to how much lower it is, in the mean, when the
            modality comes from another sample.
        permuted_sd: likewise, standard deviation over permutations; 0 for one.
        shapley: dict of modality to dict of metric to its share; shares add up to
            `everything - nothing`.
    """

    everything: dict
    nothing: dict
    absent: dict
    permuted: dict
    permuted_sd: dict
    shapley: dict

    def table(self, metric):
        """Return one metric as rows of `(modality, absent, permuted, its sd, Shapley share)`."""
        columns = (self.absent, self.permuted, self.permuted_sd, self.shapley)
        return [(m, *(column[m][metric] for column in columns)) for m in self.absent]

    def _repr_markdown_(self):
        columns = ("metric", "modality", "absent", "permuted", "sd", "Shapley share")
        return Table(
            [
                dict(zip(columns, (metric, *row), strict=True))
                for metric in self.everything
                for row in self.table(metric)
            ]
        ).markdown()


def modality_contribution(model, batches, metrics, permutations=5, seed=0, progress=None):
    r"""Measure how much of each metric a model gains from each modality.

        absent    v(all) - v(all without m)            m is all zeros in every sample
        permuted  v(all) - mean v(all, m of sample pi(i) in sample i),   pi random
        Shapley   phi_m of v,   sum_m phi_m = v(all) - v(none)

    with v(S) the metric on the data set when only the modalities in S are there. Absence asks a
    model for something that it may never have seen; a permuted modality looks as it always does and
    says nothing about the sample. Of an error, such as the MAE, what a useful modality
    contributes is negative.

    Reference: permutation importance, Breiman, "Random Forests", 2001; Shapley, "A Value for
    n-Person Games", 1953, see `kerasfuse.ops.shapley_values`. `kerasfuse.analysis.shares` shares
    out outputs, this function metrics.

    Args:
        model: any model that takes the inputs of `batches`.
        batches: `kerasfuse.datasets.Batches` with labels, not shuffled.
        metrics: list such as `kerasfuse.metrics.sentiment("mosi")`.
        permutations: number of random permutations.
        seed: seed of the permutations.
        progress: called after each pass over the data with the number of passes made and to make:
            2^M for M modalities, and M for each permutation.

    Returns:
        A `ModalityContribution`.

    Raises:
        ValueError: for shuffled batches, no labels, or fewer than one permutation.

    Example:

    >>> from kerasfuse import datasets, metrics, models
    >>> test = datasets.load("simulated", split="test", like="mosi", num_samples=4)
    >>> model = models.LFLSTM(test.modalities, dim=4, hidden_units=[])
    >>> found = modality_contribution(model, test, metrics.sentiment("mosi"), permutations=1)
    >>> whole = found.everything["mae"] - found.nothing["mae"]
    >>> abs(sum(share["mae"] for share in found.shapley.values()) - whole) < 1e-6
    True
    """
    check_labels(batches)
    if type(permutations) is not int or permutations < 1:
        raise ValueError(
            f"expected `permutations` to be a whole number from 1. Received: {permutations!r}"
        )
    names = list(batches.modalities)
    subsets = [frozenset(s) for n in range(len(names) + 1) for s in combinations(names, n)]
    total, made = len(subsets) + permutations * len(names), 0

    def scored(change):
        nonlocal made
        outputs = predictions(model, batches, change)
        scores = fuse_metrics.evaluate(metrics, batches.labels, outputs)
        made += 1
        if progress is not None:
            progress(made, total)
        return scores

    scores_of = {
        present: scored(lambda x, rows, gone=set(names) - present: without(x, gone))
        for present in subsets
    }
    everything, nothing = scores_of[frozenset(names)], scores_of[frozenset()]
    aligned = getattr(model, "word_aligned", False)
    orders = [
        np.random.default_rng([seed, i]).permutation(batches.num_samples)
        for i in range(permutations)
    ]
    drops = {m: {metric: [] for metric in everything} for m in names}
    for m in names:
        for order in orders:
            scores = scored(
                lambda x, rows, m=m, order=order: _swapped(x, batches, m, order[rows], aligned)
            )
            for metric, value in scores.items():
                drops[m][metric].append(everything[metric] - value)
    shapley = {
        metric: fuse_ops.shapley_values({s: found[metric] for s, found in scores_of.items()})
        for metric in everything
    }
    return ModalityContribution(
        everything,
        nothing,
        absent={m: _difference(everything, scores_of[frozenset(names) - {m}]) for m in names},
        permuted={m: {k: float(np.mean(x)) for k, x in drops[m].items()} for m in names},
        permuted_sd={m: {k: _sd(x) for k, x in drops[m].items()} for m in names},
        shapley={m: {metric: shapley[metric][m] for metric in everything} for m in names},
    )


def _difference(a, b):
    return {metric: value - b[metric] for metric, value in a.items()}


def _sd(values):
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _swapped(inputs, batches, modality, rows, aligned):
    """Take one modality from the samples at `rows`."""
    swapped = {**inputs, modality: batches.gather(rows)[0][modality]}
    if not aligned:
        return swapped
    # One step of every modality at a time: the shorter ones get padding, which changes nothing.
    steps = max(x.shape[1] for x in swapped.values())
    return {m: _lengthened(x, steps, batches.padding) for m, x in swapped.items()}


def _lengthened(x, steps, side):
    more = steps - x.shape[1]
    width = [(0, 0), (more, 0) if side == "left" else (0, more)] + [(0, 0)] * (x.ndim - 2)
    return np.pad(x, width)
