"""Whether attention matters: what a model's metrics lose when its attention is replaced."""

import contextlib
from typing import NamedTuple

import numpy as np
from keras import ops

from kerasfuse import backend
from kerasfuse import layers as fuse_layers
from kerasfuse import metrics as fuse_metrics
from kerasfuse.analysis.predictions import check_labels
from kerasfuse.layers.attention.replaceable_scores import ReplaceableScores
from kerasfuse.tables import Table

# Layers whose attention stays within one sequence.
_OF_ONE_SEQUENCE = (
    fuse_layers.SelfAttentionSummary,
    fuse_layers.TransformerEncoder,
    fuse_layers.PostNormBlock,
)


class AttentionAblation(NamedTuple):
    """What `attention_ablation` finds; differences keep the sign of the metric.

    Attributes:
        intact: dict of metric to value with the model's own attention.
        lost: dict of `"uniform"`, `"other sample"` and `"shifted"` to dict of metric to how much
            lower it is with that attention. Of an error, what is lost is negative.
    """

    intact: dict
    lost: dict

    def table(self, metric):
        """Return one metric as rows of `(attention, value, lost)`."""
        intact = self.intact[metric]
        rows = [(name, intact - lost[metric], lost[metric]) for name, lost in self.lost.items()]
        return [("its own", intact, 0.0), *rows]

    def _repr_markdown_(self):
        columns = ("metric", "attention", "value", "lost")
        return Table(
            [
                dict(zip(columns, (metric, *row), strict=True))
                for metric in self.intact
                for row in self.table(metric)
            ]
        ).markdown()


def attention_ablation(model, batches, metrics, progress=None):
    r"""Measure what each metric loses when attention across modalities is replaced.

        uniform        P_nm = 1 / M                               over the M keys that a row may see
        other sample   P of the sample before in the batch        stretched to these keys
        shifted        P_(n, m - M/2)                             around the M keys of the sample

    in all crossmodal attention of the model at once, in every head, while queries of the later
    layers follow from what the earlier ones then bring. Attention of a modality to itself stays.

    A model that loses nothing does not use where it looks. One that loses by `uniform` and not by
    `other sample` looks at the same places in all samples.

    The question is that of Jain and Wallace, "Attention is not Explanation", NAACL 2019, who
    permute weights and exchange them for others that leave outputs as they are.

    Args:
        model: a model with layers of crossmodal attention, such as `MulT`, `MICA`, `HCTMG` or
            `DAHB`.
        batches: `kerasfuse.datasets.Batches` with labels, not shuffled; two samples or more.
        metrics: list such as `kerasfuse.metrics.sentiment("mosi")`.
        progress: called after each pass over the data with the number of passes made and to make,
            which are four.

    Returns:
        An `AttentionAblation`.

    Raises:
        ValueError: for a model without crossmodal attention, shuffled batches, no labels, or a
            single sample.

    Example:

    >>> from kerasfuse import datasets, metrics, models
    >>> test = datasets.load("simulated", split="test", like="mosi", num_samples=4)
    >>> model = models.MulT(test.modalities, dim=4, num_heads=2, num_layers=1)
    >>> found = attention_ablation(model, test, metrics.sentiment("mosi"))
    >>> list(found.lost)
    ['uniform', 'other sample', 'shifted']
    """
    attentions = crossmodal_attentions(model)
    if not attentions:
        raise ValueError(
            "`model` expected layers that attend from one modality to another, such as those of "
            f"MulT, MICA, HCTMG or DAHB. Received: {type(model).__name__}, which has none"
        )
    check_labels(batches)
    groups = _groups(batches)
    made = 0

    def scored(replace):
        nonlocal made
        with contextlib.ExitStack() as stack:
            for layer in attentions if replace else ():
                stack.enter_context(layer.replacing(replace))
            outputs = np.concatenate([_outputs(model, batches.gather(rows)[0]) for rows in groups])
        made += 1
        if progress is not None:
            progress(made, 1 + len(REPLACEMENTS))
        return fuse_metrics.evaluate(metrics, batches.labels, outputs.astype("float32"))

    intact = scored(None)
    lost = {}
    for name, replace in REPLACEMENTS.items():
        found = scored(replace)
        lost[name] = {metric: value - found[metric] for metric, value in intact.items()}
    return AttentionAblation(intact, lost)


def crossmodal_attentions(model):
    """Return the layers of a model that attend from one modality to another."""
    found, waiting = [], [model]
    while waiting:
        for layer in waiting.pop()._flatten_layers(include_self=False, recursive=False):
            if isinstance(layer, _OF_ONE_SEQUENCE):
                continue
            if isinstance(layer, ReplaceableScores) and layer.looks_at_others:
                found.append(layer)
            waiting.append(layer)
    return list({id(layer): layer for layer in found}.values())


def uniform(scores, mask):
    """Give all keys that a row may see the same weight."""
    return _normalised(ops.ones_like(scores), mask)


def of_another_sample(scores, mask):
    """Give each sample the weights of the one before it, stretched to its own keys."""
    keys = _keys(scores, mask)
    places = np.tile(np.arange(scores.shape[-1]), (len(keys), 1))
    for row, own, other in zip(places, keys, [keys[-1], *keys[:-1]], strict=True):
        if len(other):
            row[own] = other[(2 * np.arange(len(own)) + 1) * len(other) // (2 * len(own))]
    return _normalised(_taken(ops.roll(scores, 1, axis=0), places), mask)


def shifted(scores, mask):
    """Move weights by half of the keys of a sample, around its ends."""
    keys = _keys(scores, mask)
    places = np.tile(np.arange(scores.shape[-1]), (len(keys), 1))
    for row, own in zip(places, keys, strict=True):
        row[own] = np.roll(own, len(own) // 2)
    return _normalised(_taken(scores, places), mask)


REPLACEMENTS = {"uniform": uniform, "other sample": of_another_sample, "shifted": shifted}


def _keys(scores, mask):
    """Return the places of the keys of each sample that some row may see."""
    seen = np.ones(tuple(scores.shape), bool)
    if mask is not None:
        seen = seen & ops.convert_to_numpy(mask)
    return [np.flatnonzero(sample) for sample in seen.any(axis=(1, 2))]


def _taken(scores, places):
    """Take the weights at these places, `(batch, Tk)`, in every row."""
    places = np.broadcast_to(places[:, None, None, :], tuple(scores.shape)).astype("int32")
    return ops.take_along_axis(scores, ops.convert_to_tensor(places), axis=-1)


def _normalised(scores, mask):
    """Let rows sum to 1 over the keys that they may see, evenly where nothing is left there."""
    if mask is None:
        seen = ops.ones_like(scores)
    else:
        seen = ops.cast(ops.broadcast_to(mask, ops.shape(scores)), scores.dtype)
    scores = scores * seen
    total = ops.sum(scores, axis=-1, keepdims=True)
    scores = ops.where(total > 0, scores, seen)
    total = ops.sum(scores, axis=-1, keepdims=True)
    return scores / ops.where(total > 0, total, 1.0)


def _groups(batches):
    """Return the samples that are predicted together, at least two each."""
    if batches.num_samples < 2:
        raise ValueError(
            "`batches` expected two samples or more, as each gets the attention of another one. "
            f"Received: {batches.num_samples}"
        )
    number = max(1, batches.num_samples // max(2, batches.batch_size))
    return np.array_split(np.arange(batches.num_samples), number)


def _outputs(model, inputs):
    """Call a model as it stands: what `predict` compiled may be of another attention."""
    inputs = {name: ops.convert_to_tensor(x) for name, x in inputs.items()}
    with backend.without_gradients():
        return ops.convert_to_numpy(model(inputs, training=False))
