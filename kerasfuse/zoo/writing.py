"""Write results and weights into an entry's file."""

from collections.abc import Mapping
from typing import Any

import tomlkit

from kerasfuse import atomic
from kerasfuse.zoo.catalogue import place


def write(
    name: str,
    weights: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
) -> None:
    """Rewrite the [weights] or [results] part of an entry's file, comments elsewhere untouched.

    Args:
        name: the entry's name.
        weights: dict of keys to set in [weights].
        results: dict that takes the place of [results].
    """
    path = place(name)
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    if weights:
        document["weights"].update(weights)
    if results is not None:
        document.pop("results", None)
        document["results"] = _toml(results, inline=False)
    with atomic.replacing(path) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def _toml(value, inline=True):
    """Convert nested dicts so that the innermost are written on one line each."""
    if isinstance(value, dict):
        inline = inline and not any(map(_holds_tables, value.values()))
        table = tomlkit.inline_table() if inline else tomlkit.table()
        table.update({key: _toml(item) for key, item in value.items()})
        return table
    if isinstance(value, list) and _holds_tables(value):
        tables = tomlkit.aot()
        for item in value:
            tables.append(_toml(item, inline=False))
        return tables
    return value


def _holds_tables(value):
    return isinstance(value, dict) or (
        isinstance(value, list) and isinstance((value or [0])[0], dict)
    )
