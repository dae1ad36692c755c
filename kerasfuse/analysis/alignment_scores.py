"""A model's A-distance and correlation accuracy over a data set."""

import numpy as np

from kerasfuse.analysis.a_distance import a_distance
from kerasfuse.analysis.attention.statistics import present_steps
from kerasfuse.analysis.correlation_accuracy import count_correct
from kerasfuse.tables import Results, Table


class AlignmentScores(Results):
    """What `alignment_scores` returns: a dict that a notebook shows as a table of pairs."""

    def table(self):
        """Return the `Table`, one row for each pair and one for the mean."""
        means = {name: value for name, value in self.items() if name != "pairs"}
        rows = {**self["pairs"], "mean": means}
        return Table([{"pair": pair, **scores} for pair, scores in rows.items()])


def alignment_scores(model, batches, layer=None, heads="mean", max_vectors=2000, seed=0):
    """Measure how well a crossmodal layer aligns its modalities, as in MICA's Table 6.

    Every ordered pair of modalities gets the A-distance between the queries of the target's and
    the keys of the source's valid steps (`a_distance`) and, where the data know it, the
    accuracy of attention against the true alignment (`correlation_accuracy`). All-zero steps are
    padding or missing frames: they give no vectors, and neither count nor correspond.

    Liang et al., MICA, ICCV 2021, section 4 (there: test data, last layer).

    Args:
        model: a `kerasfuse` model with `intermediates` and `extract`.
        batches: `kerasfuse.datasets.Batches`, not shuffled. Where its `alignment(i)` is not
            known, as of all real data, only the A-distance is measured.
        layer: number of the crossmodal layer, the last one by default.
        heads: see `a_distance`.
        max_vectors: see `a_distance`.
        seed: seed of all sampling.

    Returns:
        An `AlignmentScores`: a dict with the means over pairs `"a_distance"` and, where known,
        `"correlation_accuracy"` (NaN if a pair counts no step), and `"pairs"`:
        `"{source}_to_{target}"` -> dict of the same two. A notebook shows it as a table.

    Raises:
        ValueError: a model without crossmodal layers or without that layer, shuffled batches, or
            an alignment that does not fit the steps.

    Example:

    >>> from kerasfuse import datasets, models
    >>> test = datasets.load("simulated", split="test", num_samples=4)
    >>> model = models.MICA(test.modalities, dim=6, num_heads=2, num_layers=1)
    >>> scores = alignment_scores(model, test)
    >>> list(scores), scores["a_distance"] < 2.0
    (['a_distance', 'correlation_accuracy', 'pairs'], True)
    """
    layer, pairs = _layer_and_pairs(model, layer)
    if getattr(batches, "shuffle", False):
        raise ValueError(
            "`batches` expected samples in stored order, to find their true alignment: load them "
            "with shuffle=False. Received: shuffle=True"
        )
    aligned = _knows_alignment(batches)
    names = ["queries", "keys"] + ["attention"] * aligned
    extractor = model.extract(*(f"{name}/{layer}/{pair}" for pair in pairs for name in names))
    rng = np.random.default_rng(seed)
    share = -(-2 * max_vectors // len(batches))  # of each batch, so that memory stays bounded
    vectors = {(name, pair): [] for name in ("queries", "keys") for pair in pairs}
    counts = dict.fromkeys(pairs, np.zeros(2, "int64"))
    first = 0
    for index in range(len(batches)):
        inputs = batches[index][0]
        found = {k: np.asarray(v) for k, v in extractor.predict_on_batch(inputs).items()}
        present = {m: present_steps(np.asarray(x)) for m, x in inputs.items()}
        for pair, (source, target) in pairs.items():
            for name, modality in (("queries", target), ("keys", source)):
                valid = found[f"{name}/{layer}/{pair}"][present[modality]]
                vectors[name, pair].append(valid[rng.permutation(len(valid))[:share]])
        size = len(next(iter(present.values())))
        for row in range(size) if aligned else ():
            truth = batches.alignment(first + row)
            steps = {m: _valid_steps(present[m][row]) for m in truth}
            events = {m: _present_events(truth[m], present[m][row][steps[m]]) for m in truth}
            for pair, (source, target) in pairs.items():
                attention = found[f"attention/{layer}/{pair}"][row][steps[target], steps[source]]
                counts[pair] = counts[pair] + count_correct(
                    attention, events[target], events[source]
                )
        first += size

    scores = {}
    for pair in pairs:
        queries, keys = (np.concatenate(vectors[name, pair]) for name in ("queries", "keys"))
        scores[pair] = {"a_distance": a_distance(queries, keys, heads, max_vectors, seed)}
        if aligned:
            correct, counted = counts[pair]
            scores[pair]["correlation_accuracy"] = float(correct / counted) if counted else np.nan
    measures = next(iter(scores.values()))
    means = {name: float(np.mean([s[name] for s in scores.values()])) for name in measures}
    return AlignmentScores(means, pairs=scores)


def _layer_and_pairs(model, layer):
    found = [n.split("/")[1:] for n in model.intermediates if n.startswith("queries/")]
    layers = sorted({int(number) for number, _ in found})
    if not layers:
        raise ValueError(
            "`model` expected crossmodal layers, intermediates named queries/LAYER/SOURCE_to_"
            f"TARGET. Received: model.intermediates={list(model.intermediates)}"
        )
    layer = layers[-1] if layer is None else layer
    if layer not in layers:
        raise ValueError(
            f"`layer` expected a crossmodal layer, one of {layers}. Received: layer={layer!r}"
        )
    pairs = [pair for number, pair in found if int(number) == layer]
    return layer, {pair: tuple(pair.split("_to_")) for pair in pairs}


def _valid_steps(present):
    """Return the slice from the first to the last step that is not padding."""
    found = np.flatnonzero(present)
    return slice(found[0], found[-1] + 1) if found.size else slice(0, 0)


def _present_events(events, present):
    """Return the events of one sample with -1 where its step is missing."""
    if len(events) != len(present):
        raise ValueError(
            "`batches` expected an alignment with one event for each step from the first to the "
            f"last that is not all zeros. Received: {len(events)} events for {len(present)} steps"
        )
    return np.where(present, events, -1)


def _knows_alignment(batches):
    try:
        batches.alignment(0)
    except ValueError:
        return False
    return True
