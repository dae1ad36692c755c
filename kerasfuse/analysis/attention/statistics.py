"""How sharply a model attends: norms of queries and keys, entropy and largest weight."""

import math

import numpy as np
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.tables import Results, Table

# Below this, the largest weight of a row is hardly more than its mean.
UNIFORM_BELOW = 1.3


class AttentionStatistics(Results):
    """What `attention_statistics` returns: map -> dict of statistic to value.

    The names of maps are those of `model.intermediates` without their first part.
    """

    def table(self):
        """Return the `Table`, one row for each map and one for the mean."""
        rows = [{"attention": name, **found} for name, found in {**self, "mean": self.mean}.items()]
        return Table(rows)

    @property
    def mean(self):
        """Dict of statistic to its mean over all maps."""
        return _mean(list(self.values()))

    @property
    def layers(self):
        """Dict of layer number, `None` for maps that have none, to its maps: name -> statistics."""
        found = {}
        for name, statistics in self.items():
            found.setdefault(layer_of(name), {})[name] = statistics
        return found

    @property
    def peaks(self):
        """Dict of layer to the peaks of its maps, those of sources of one step left out."""
        return {
            layer: [found["peak"] for found in maps.values() if not math.isnan(found["peak"])]
            for layer, maps in self.layers.items()
        }

    @property
    def uniform_layers(self):
        """Layers of which less than half of the maps have a peak of 1.3 or more."""
        return [
            layer
            for layer, found in self.peaks.items()
            if 2 * sum(peak >= UNIFORM_BELOW for peak in found) < len(found)
        ]

    def sentence(self):
        """Say in a sentence whether attention is uniform."""
        layers = self.layers
        flat = self.uniform_layers
        if not flat:
            return (
                "Attention is not uniform: the largest weight of a row is "
                f"{self.mean['peak']:.2f} times the mean weight."
            )
        peak = _mean([found for layer in flat for found in layers[layer].values()])["peak"]
        where = ""
        if len(flat) < len(layers):
            numbers = ", ".join(str(layer) for layer in flat)
            where = f" in layer {numbers}" if len(flat) == 1 else f" in layers {numbers}"
        return (
            f"Attention is uniform{where}: the largest weight of a row is {peak:.2f} times the "
            "mean weight. What comes out is an average over all steps, and maps show nothing."
        )


def attention_statistics(model, batches):
    r"""Measure how far attention across modalities is from uniform.

        entropy   mean over rows of  -sum_m P_nm log P_nm / log M     1: uniform, 0: a single key
        peak      mean over rows of  M max_m P_nm                     1: uniform, M: a single key

    with M the number of keys that a row may see. A row is a real step of the target in one
    sample and, where the model offers queries and keys, one head; else maps are averaged over heads
    before, which makes attention look more even than it is. Rows that see fewer than two keys do
    not count. Beside them, with queries and keys:

        query_norm, key_norm    mean length of the queries and the keys of a head, at real steps

    Softmax needs scale: where both norms are small, attention is uniform whatever queries and keys
    say. `MICA`'s element loss as printed leads there, see `kerasfuse.ops.propagated_alignment`.

    Args:
        model: a `kerasfuse` model with `intermediates` named `attention/...`. Of a model with a
            modality gate, maps are those of the modality that it chose.
        batches: `kerasfuse.datasets.Batches`, or a dict of modality to array, one batch.

    Returns:
        An `AttentionStatistics`, a dict of `"{layer}/{source}_to_{target}"` to dict of `"entropy"`,
        `"peak"` and, where known, `"query_norm"` and `"key_norm"`; NaN where nothing counts. Its
        `sentence()` says whether attention is uniform; a notebook shows it as a table.

    Raises:
        ValueError: for a model that offers no attention.

    Example:

    >>> from kerasfuse import datasets, models
    >>> test = datasets.load("simulated", split="test", num_samples=4)
    >>> model = models.MICA(test.modalities, dim=6, num_heads=2, num_layers=1)
    >>> found = attention_statistics(model, test)
    >>> sorted(found["0/audio_to_text"])
    ['entropy', 'key_norm', 'peak', 'query_norm']
    """
    names = attention_names(model)
    if not names:
        raise ValueError(
            "`model` expected crossmodal attention, intermediates named attention/... . Received: "
            f"model.intermediates={list(getattr(model, 'intermediates', ()))}"
        )
    maps = [name.removeprefix("attention/") for name in names]
    offered = set(model.intermediates)
    by_head = {name for name in maps if {f"queries/{name}", f"keys/{name}"} <= offered}
    wanted = [f"attention/{name}" for name in maps if name not in by_head]
    wanted += [f"{kind}/{name}" for name in maps if name in by_head for kind in ("queries", "keys")]
    extractor = model.extract(*wanted)
    causal = getattr(model, "causal", False)
    sums = {name: {} for name in maps}
    for inputs in inputs_of(batches):
        found = {k: np.asarray(v, "float64") for k, v in extractor.predict_on_batch(inputs).items()}
        present = {m: present_steps(np.asarray(x)) for m, x in inputs.items()}
        for name in maps:
            source, _, target = name.split("/")[-1].partition("_to_")
            if name in by_head:
                q, k = found[f"queries/{name}"], found[f"keys/{name}"]
                _add(sums[name], "query_norm", _lengths(q)[present[target]])
                _add(sums[name], "key_norm", _lengths(k)[present[source]])
                weights = _scores(q, k, present[source], causal)
            else:
                weights = found[f"attention/{name}"]
                weights = weights.reshape(len(weights), 1, *weights.shape[-2:])
            rows, keys = _counted(weights, present.get(source), present.get(target))
            _add_rows(sums[name], weights, rows, keys, causal and name in by_head)
    return AttentionStatistics(
        {
            name: {
                statistic: float(total / count) if count else math.nan
                for statistic, (total, count) in sorted(found.items())
            }
            for name, found in sums.items()
        }
    )


def attention_names(model):
    """Return the names of all attention maps, of a model with a gate those of its choice."""
    names = [n for n in getattr(model, "intermediates", ()) if n.startswith("attention/")]
    gates = [layer for layer in getattr(model, "layers", ()) if hasattr(layer, "choice")]
    if gates:
        names = [n for n in names if n.startswith(f"attention/{gates[0].choice}/")]
    return names


def layer_of(name):
    """Return the number of the layer in the name of a map, `None` where it has none."""
    return next((int(part) for part in name.split("/") if part.isdigit()), None)


def inputs_of(batches):
    if isinstance(batches, dict):
        return [batches]
    return (batches[index][0] for index in range(len(batches)))


def present_steps(steps):
    return steps != 0 if steps.ndim == 2 else np.any(steps != 0, axis=tuple(range(2, steps.ndim)))


def _lengths(x):
    return np.sqrt((x**2).sum(axis=-1))


def _scores(queries, keys, present, causal):
    q, k, mask = (
        ops.convert_to_tensor(x)
        for x in (queries.astype("float32"), keys.astype("float32"), present)
    )
    scores = fuse_ops.attention_scores(q, k, mask, causal)
    return np.asarray(ops.convert_to_numpy(scores), "float64")


def _counted(weights, source, target):
    """Return which rows and which keys are real: (batch, Tq) and (batch, Tk)."""
    rows = weights.sum(axis=-1).max(axis=1) > 0.5
    keys = weights.max(axis=(1, 2)) > 0
    if target is not None and target.shape == rows.shape:
        rows = rows & target
    if source is not None and source.shape == keys.shape:
        keys = source
    return rows, keys


def _add_rows(sums, weights, rows, keys, causal):
    seen = np.broadcast_to(keys[:, None, None, :], weights.shape)
    if causal:
        steps, others = weights.shape[-2:]
        slack = np.arange(others) <= np.arange(steps)[:, None] + abs(others - steps)
        seen = seen & slack
    number = seen.sum(axis=-1)
    counted = np.broadcast_to(rows[:, None, :], number.shape) & (number > 1)
    number, weights = number[counted], weights[counted]
    logarithms = np.log(np.where(weights > 0, weights, 1.0))
    _add(sums, "entropy", -(weights * logarithms).sum(axis=-1) / np.log(number))
    _add(sums, "peak", number * weights.max(axis=-1, initial=0.0))


def _add(sums, statistic, values):
    total, count = sums.get(statistic, (0.0, 0))
    sums[statistic] = total + values.sum(), count + values.size


def _mean(found):
    statistics = dict.fromkeys(key for each in found for key in each)
    means = {}
    for key in statistics:
        values = [each[key] for each in found if key in each and not math.isnan(each[key])]
        means[key] = float(np.mean(values)) if values else math.nan
    return means
