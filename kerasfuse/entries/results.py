"""What the section `[results]` of an entry holds, so that all that reads it can rely on it."""

import dataclasses
from typing import Any

from kerasfuse.shown import shown


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table of these keys, each with what it holds."""

    required: dict[str, Any]
    optional: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Named:
    """A table of any keys that all hold the same kind."""

    kind: Any


@dataclasses.dataclass(frozen=True)
class _List:
    """A list of one kind."""

    kind: Any


_TEXT, _COUNT, _NUMBER = (str,), (int,), (int, float)
_TOLD = {str: "text", int: "a whole number", float: "a number"}
_SCORES = _Named(
    _Table(
        {"mean": _NUMBER, "per_seed": _List(_NUMBER)},
        {"sd": _NUMBER, "baseline": _NUMBER, "p": _NUMBER},
    )
)
_RUNS = {
    "seeds": _List(_COUNT),
    "backend": _TEXT,
    "versions": _Named(_TEXT),
    "data_sha256": _TEXT,
    "parameters": _COUNT,
    "validation": _SCORES,
    "test": _SCORES,
}
_ROW = _Table(
    {**_RUNS, "label": _TEXT, "table": _TEXT, "settings": _Named(object)}, {"against": _TEXT}
)
_SHIPPED = _Table({"validation": _Named(_NUMBER), "test": _Named(_NUMBER)})
_ABSENT = _Table({"modalities": _List(_TEXT), "test": _Named(_NUMBER)}, {"empty": _COUNT})
_ATTENTION = _Table(
    {"peak": _List(_NUMBER), "maps": _List(_COUNT), "sharp": _List(_COUNT)}
    | dict.fromkeys(("score", "uniform", "other_sample", "shifted"), _NUMBER)
)
_SPEED = _Table({}, {"training_seconds": _NUMBER, "samples_per_second": _COUNT, "machine": _TEXT})
_RESULTS = _Table(
    _RUNS,
    {
        "shipped": _SHIPPED,
        "absent": _List(_ABSENT),
        "attention": _ATTENTION,
        "rows": _List(_ROW),
        "speed": _SPEED,
        "primary": _List(_TEXT),
    },
)


def check_results(results, score):
    """Refuse results of which a card, a table or a comparison could not be made.

    Args:
        results: the section `[results]`.
        score: the metric that the recipe is judged by.

    Raises:
        ValueError: for what is missing, of another kind, or not one value a seed.
    """
    if not isinstance(results, dict):
        raise ValueError(f"expected a section [results]. Received: results={shown(results)}.")
    if "seeds" not in results:
        return
    _check(results, _RESULTS, "results")
    _check_seeds(results, score, "results")
    for place, row in enumerate(results.get("rows", [])):
        _check_seeds(row, score, f"results.rows[{place}]")
        if "p" in row["test"][score] and "against" not in row:
            raise ValueError(
                f"expected results.rows[{place}].against, the row that its p is about. Received: "
                f"[results.rows[{place}]] with {', '.join(row)}."
            )
    attention = results.get("attention", {})
    layers = {key: len(attention[key]) for key in ("peak", "maps", "sharp") if attention}
    if len(set(layers.values())) > 1:
        told = ", ".join(f"{number} in {key}" for key, number in layers.items())
        raise ValueError(f"expected results.attention with one number a layer. Received: {told}.")
    for part in ("absent", "attention"):
        if results.get(part) and "shipped" not in results:
            raise ValueError(
                f"expected results.shipped beside results.{part}, which is of the same weights. "
                f"Received: [results] with {', '.join(results)}."
            )


def _check(value, kind, where):
    match kind:
        case _Table(required, optional):
            _check_kind(value, dict, where, "a table")
            for key in required:
                if key not in value:
                    raise ValueError(
                        f"expected {where}.{key}. Received: [{where}] with "
                        f"{', '.join(value) or '-'}."
                    )
            for key, one in value.items():
                known = required.get(key, optional.get(key))
                if known is not None:  # others are those of another version
                    _check(one, known, f"{where}.{key}")
        case _Named(each):
            _check_kind(value, dict, where, "a table")
            for key, one in value.items():
                _check(one, each, f"{where}.{key}")
        case _List(each):
            _check_kind(value, list, where, "a list")
            for place, one in enumerate(value):
                _check(one, each, f"{where}[{place}]")
        case tuple():
            _check_kind(value, kind, where, _TOLD[kind[-1]])


def _check_kind(value, kind, where, told):
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"expected {where} to be {told}. Received: {shown(value)}.")


def _check_seeds(run, score, where):
    """Refuse a run whose score is missing, and metrics without one value a seed."""
    for split in ("validation", "test"):
        for metric in (score, *run[split]):
            numbers = run[split].get(metric, {})
            if len(numbers.get("per_seed", ())) != len(run["seeds"]) or not run["seeds"]:
                raise ValueError(
                    f"expected {where}.{split}.{metric} with a mean and one value a seed. "
                    f"Received: {metric}={shown(numbers)}, seeds={shown(run['seeds'])}."
                )
