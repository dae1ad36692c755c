"""How much attention falls on what happened at the same moment."""

import math

import numpy as np

from kerasfuse.analysis.attention.statistics import attention_names, inputs_of, present_steps
from kerasfuse.shown import shown
from kerasfuse.tables import Results, Table


class AttentionInTime(Results):
    """What `attention_in_time` returns: map -> dict of `"share"`, `"chance"` and `"lift"`.

    The names of maps are those of `model.intermediates` without their first part.
    """

    def table(self):
        """Return the `Table`, one row for each map."""
        return Table([{"attention": name, **found} for name, found in self.items()])


def attention_in_time(model, batches, rates, within=0.2):
    r"""Measure how much attention falls on what happened at the same moment.

        share    mean over n of  sum_m P_nm [|t_n - t_m| <= within]
        chance   the same with P_nm = 1 / M over the M steps of the source
        lift     share / chance                                        1: no better than uniform

    with P averaged over heads, and t the middle of a step, `(i + 0.5) / rate` seconds for step i
    of a modality. Steps n of the target count where a step of the source is near enough. Sequences
    begin at the same moment, at their first step that is not all zeros, and end at their last one.

    In recordings this is the true alignment: sound and face of a clip share its clock. Liang et
    al., MICA, ICCV 2021, section 4, set attention beside words that were aligned by hand.

    Args:
        model: a `kerasfuse` model with `intermediates` named `attention/...`.
        batches: `kerasfuse.datasets.Batches`, or a dict of modality to array, one batch.
        rates: dict of modality to steps a second. Pairs of which it lacks a modality are left out.
        within: seconds that two steps of one moment may lie apart.

    Returns:
        An `AttentionInTime`, a dict of `"{layer}/{source}_to_{target}"` to dict of `"share"`,
        `"chance"` and `"lift"`, NaN where no step counts. A notebook shows it as a table.

    Raises:
        ValueError: for a model without attention between two modalities of `rates`, and for a rate
            or `within` that is not positive.

    Example:

    >>> from kerasfuse import datasets, models
    >>> test = datasets.load("simulated", split="test", num_samples=4)
    >>> model = models.MulT(test.modalities, dim=6, num_heads=2, num_layers=1)
    >>> found = attention_in_time(model, test, {"text": 4, "audio": 20})
    >>> list(found), 0 < found["0/audio_to_text"]["chance"] < 0.5
    (['0/audio_to_text', '0/text_to_audio'], True)
    """
    check_rates(rates)
    _check_positive("within", within)
    pairs = {}
    for name in attention_names(model):
        source, _, target = name.split("/")[-1].partition("_to_")
        if source in rates and target in rates:
            pairs[name] = source, target
    if not pairs:
        raise ValueError(
            "`model` expected attention between two modalities of `rates`, intermediates named "
            f"attention/LAYER/SOURCE_to_TARGET. Received: rates of {', '.join(rates)}, and maps "
            f"{', '.join(attention_names(model)) or 'none'}"
        )
    extractor = model.extract(*pairs)
    slack = 1e-3 / max(rates.values())  # a thousandth of a step, for rounding
    found = {name: [] for name in pairs}
    for inputs in inputs_of(batches):
        maps = extractor.predict_on_batch(inputs)
        present = {m: present_steps(np.asarray(inputs[m])) for m in inputs}
        for name, (source, target) in pairs.items():
            for attention, seen, looking in zip(
                np.asarray(maps[name], "float64"), present[source], present[target], strict=True
            ):
                if seen.any() and looking.any():
                    # A missing frame keeps its place in time; it is asked nothing, and has no
                    # weight.
                    queries, keys = np.flatnonzero(looking), np.flatnonzero(seen)
                    moments = [
                        (x - x[0] + 0.5) / rates[m] for x, m in ((queries, target), (keys, source))
                    ]
                    near = np.abs(moments[0][:, None] - moments[1]) <= within + slack
                    weights = attention[queries][:, keys]
                    counted = near.any(axis=1)
                    share = np.where(near, weights, 0.0).sum(axis=1)
                    found[name].append(np.stack([share, near.mean(axis=1)], axis=1)[counted])
    return AttentionInTime(
        {name.removeprefix("attention/"): _summary(rows) for name, rows in found.items()}
    )


def check_rates(rates):
    """Refuse what is no dict of modality to steps a second."""
    if not isinstance(rates, dict) or not rates:
        raise ValueError(
            "`rates` expected a dict of modality to steps a second, such as {'audio': 100, "
            f"'vision': 30}}. Received: {shown(rates)}"
        )
    for modality, rate in rates.items():
        _check_positive(f"rates[{modality!r}]", rate)


def _check_positive(name, value):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise ValueError(f"`{name}` expected a positive number. Received: {shown(value)}")


def _summary(rows):
    rows = np.concatenate(rows) if rows else np.zeros((0, 2))
    share, chance = rows.mean(axis=0) if len(rows) else (math.nan, math.nan)
    return {"share": float(share), "chance": float(chance), "lift": float(share / chance)}
