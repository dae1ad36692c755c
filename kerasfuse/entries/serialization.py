"""Write an entry as the toml that `parsing.parse` reads."""

import dataclasses

import tomlkit


def to_toml(entry):
    """Return an entry as the text of its file: `parse` makes the same entry of it.

    Args:
        entry: an `Entry`.
    """
    definition = entry.definition()
    parameters = {} if entry.parameters is None else {"parameters": entry.parameters}
    document = {
        "entry": {key: getattr(entry, key) for key in ("name", "title", "paper", "summary")},
        "citation": _said(entry.citation) if entry.citation else None,
        "model": {
            "class": entry.model_class,
            **parameters,
            **({"scaling": entry.scaling} if entry.scaling else {}),
            "args": definition["model"]["args"],
        },
        "data": definition["data"],
        "features": entry.features,
        "recipe": {**definition["recipe"], "seeds": list(entry.recipe.seeds)},
        "weights": _said(entry.weights),
        "published": [_said(figure) for figure in entry.published],
        "results": entry.results,
    }
    return tomlkit.dumps({key: plain(part) for key, part in document.items() if part})


def plain(value):
    """Return a value of Python as toml reads it back: tuples are lists there."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _said(part):
    """Return the fields of a dataclass that say something."""
    fields = dataclasses.asdict(part)
    return {key: value for key, value in fields.items() if value not in (None, "")}
