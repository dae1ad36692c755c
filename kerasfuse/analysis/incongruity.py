"""Where the modalities of a sample pull a model in different directions."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from kerasfuse import ops as fuse_ops


class Incongruity(NamedTuple):
    """What `incongruity` finds, one row a sample.

    Attributes:
        target: name of the modality whose steps the attention goes to.
        attention: dict of the sources that were there, `"alone"`, `"audio"`, `"audio+vision"`, to
            the attention to each step of the target, `(samples, steps)`; 0 at padding.
        contributions: dict of modality name to its signed share of the output, `(samples,)`.
        scores: disagreement of the contributions in [0, 1], `(samples,)`.
        outputs: output of the model on all modalities, `(samples,)`.
    """

    target: str
    attention: dict
    contributions: dict
    scores: np.ndarray
    outputs: np.ndarray


def incongruity(model, batches, target=None, output=0):
    """Measure what each modality adds to a model's output, and whether they agree.

    With v(S) the output when only the modalities in S are there and all others are absent:

        phi_m = Shapley value of m under v          (they add up to v(all) - v(none))
        score = 1 - |sum_m phi_m| / sum_m |phi_m|

    the mean of the signs of the contributions, weighted by their size, taken from 1: 0 when all
    modalities pull one way or only one pulls, 1 when they cancel, 0 where nothing pulls at all.

    The attention is that of the target's self-attention, in its last layer, from the step that is
    read to every step, averaged over heads: with no source there, with each alone, with all.

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition" (HCT-MG), section 3,
    Experiments 1 to 3 and Figures 2, 3, 5 and 8. The paper shows words highlighted by A -> T,
    V -> T, (A + V) -> T and by self-attention and gives no formula; that an absent source is what
    "without" means, and the score, are ours.

    Args:
        model: a `kerasfuse` model with an intermediate `summary_attention/<target>`.
        batches: `kerasfuse.datasets.Batches`, not shuffled, or one dict of modality name to array.
        target: name of the modality that attention goes to; the gate's choice of a model that has
            a gate, the first modality of others.
        output: which of the model's outputs is explained.

    Returns:
        An `Incongruity`.

    Raises:
        ValueError: for a model without such an intermediate, or shuffled batches.

    Example:

    >>> from kerasfuse import datasets, models
    >>> test = datasets.load("simulated", split="test", num_samples=4)
    >>> model = models.HCTMG(test.modalities, dim=8, num_heads=2, num_layers=1)
    >>> found = incongruity(model, test)
    >>> found.target, found.scores.shape, list(found.attention)
    ('text', (4,), ['alone', 'audio', 'vision', 'audio+vision'])
    """
    if getattr(batches, "shuffle", False):
        raise ValueError(
            "`batches` expected samples in stored order: load them with shuffle=False. "
            "Received: shuffle=True"
        )
    modalities = list(model.modalities)
    target = _default_target(model) if target is None else target
    name = f"summary_attention/{target}"
    if name not in model.intermediates:
        offered = [
            n.split("/")[1] for n in model.intermediates if n.startswith("summary_attention")
        ]
        raise ValueError(
            f"expected `target` to be a modality with a self-attention, one of {offered}. "
            f"Received: {target!r}"
        )
    sources = [m for m in modalities if m != target]
    extractor = model.extract(name)
    subsets = [
        frozenset(s) for n in range(len(modalities) + 1) for s in combinations(modalities, n)
    ]
    labels = {frozenset([target]): "alone"}
    labels |= {frozenset([target, m]): m for m in sources}
    labels[frozenset(modalities)] = "+".join(sources)

    outputs, attention = (
        {s: [] for s in subsets},
        {label: [] for label in labels.values()},
    )
    for inputs in _inputs(batches):
        for subset in subsets:
            shown = {
                m: x if x is None or m in subset else np.zeros_like(x) for m, x in inputs.items()
            }
            outputs[subset].append(np.asarray(model.predict_on_batch(shown))[:, output])
            if subset in labels:
                weights = np.asarray(extractor.predict_on_batch(shown)[name])
                attention[labels[subset]].append(weights)
    outputs = {s: np.concatenate(rows).astype("float64") for s, rows in outputs.items()}
    contributions = fuse_ops.shapley_values(outputs)
    contributions = {m: contributions[m] for m in modalities}
    return Incongruity(
        target,
        {label: _stacked(rows) for label, rows in attention.items()},
        contributions,
        disagreement(list(contributions.values())),
        outputs[frozenset(modalities)],
    )


def disagreement(contributions):
    """Return 1 - |sum_m phi_m| / sum_m |phi_m| of a list of arrays, 0 where all are 0."""
    contributions = np.asarray(contributions, "float64")
    size = np.abs(contributions).sum(axis=0)
    net = np.abs(contributions.sum(axis=0))
    return np.where(size > 0, 1.0 - net / np.where(size > 0, size, 1.0), 0.0)


def _default_target(model):
    gated = [layer for layer in model.layers if hasattr(layer, "choice")]
    return gated[0].choice if gated else next(iter(model.modalities))


def _inputs(batches):
    if isinstance(batches, dict):
        yield batches
        return
    for index in range(len(batches)):
        yield batches[index][0]


def _stacked(rows):
    """Put batches of different numbers of steps together, with zeros after the shorter ones."""
    steps = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, steps - row.shape[1]))) for row in rows])
