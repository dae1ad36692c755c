"""Read an entry from its toml file."""

import dataclasses
import pathlib
import tomllib

from kerasfuse.deprecation import current_names
from kerasfuse.entries.arguments import current_model_args
from kerasfuse.entries.citations import Citation, Published
from kerasfuse.entries.definition import Entry
from kerasfuse.entries.recipe import OPTIONAL, Recipe
from kerasfuse.entries.results import check_results
from kerasfuse.entries.weights import RENAMED, Weights
from kerasfuse.nearest_names import nearest
from kerasfuse.shown import shortened, shown

SECTIONS = (
    "entry",
    "model",
    "data",
    "recipe",
    "weights",
    "citation",
    "published",
    "results",
    "features",
)


def read(path):
    """Parse and check one toml file.

    Raises:
        ValueError: when the file is not toml, lacks a section or a key, has one that no entry
            has, or names a class, data set, argument or value that is not there.

    Returns:
        An `Entry`.
    """
    path = pathlib.Path(path)
    return parse(path.read_bytes(), path.name, path.name.removesuffix(".toml"))


def parse(data, source, name=None):
    """Parse and check the content of a toml file.

    Args:
        data: its bytes.
        source: where it comes from, for errors.
        name: the name that the entry must have; any by default.

    Raises:
        ValueError: as `read`.

    Returns:
        An `Entry`.
    """
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # the last for tables in tables without end
        raise ValueError(
            f"{source} is not a valid entry: expected toml. Received: {shortened(str(error))}"
        ) from error
    try:
        return _parse(document, name)
    # The last three: a number, say, where a table or a name should be.
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        told = str(error)
        if not told.startswith("expected "):
            told = (
                "expected names, numbers and tables where an entry has them. Received: "
                f"{type(error).__name__}, {shortened(told)}"
            )
        raise ValueError(f"{source} is not a valid entry: {told}") from error


def _parse(document, name):
    for section in document:
        if section not in SECTIONS:
            raise ValueError(
                f"expected the sections {', '.join(SECTIONS)}. Received: [{section}]. "
                f"{nearest(section, SECTIONS)}"
            )
    for section in SECTIONS[:5]:
        if not isinstance(document.get(section), dict):
            raise ValueError(f"expected a section [{section}]. Received: {', '.join(document)}.")
    head = _strings(document["entry"], "entry", ("name", "title", "paper", "summary"))
    if name not in (None, head["name"]):
        raise ValueError(
            f"expected the file's name, {shown(name)}. Received: name={shown(head['name'])}."
        )
    model = _keys(document["model"], "model", ("class",), ("args", "parameters", "scaling"))
    data = _keys(document["data"], "data", ("name",), ("args",))
    for section, table in (("model", model), ("data", data)):
        if not isinstance(table.get("args", {}), dict):
            raise ValueError(
                f"expected a section [{section}.args]. Received: args={shown(table['args'])}."
            )
    fields = tuple(f.name for f in dataclasses.fields(Recipe) if f.name not in OPTIONAL)
    weights = current_names(document["weights"], RENAMED, "[weights]")
    _strings(
        {key: weights[key] for key in weights if key not in ("seed", "size", "commercial")},
        "weights",
        ("trained_on", "license", "made_by"),
        ("file", "sha256"),
    )
    if "commercial" not in weights:
        raise ValueError(
            "expected weights.commercial, whether the terms of the data allow commercial use. "
            f"Received: [weights] with {', '.join(weights)}."
        )
    if weights.get("file", "") != pathlib.Path(weights.get("file", "")).name:
        raise ValueError(
            f"expected a bare file name. Received: weights.file={shown(weights['file'])}."
        )
    recipe = Recipe(**_keys(document["recipe"], "recipe", fields, OPTIONAL))
    results = document.get("results", {})
    check_results(results, recipe.score)
    published = document.get("published", [])
    if not isinstance(published, list):
        raise ValueError("expected [[published]], a list of tables. Received: [published].")
    return Entry(
        **head,
        model_class=model["class"],
        model_args=current_model_args(model["class"], model.get("args", {})),
        data_name=data["name"],
        data_args=data.get("args", {}),
        recipe=recipe,
        weights=Weights(**weights),
        published=[
            Published(**_keys(row, "published", ("model", "metric", "value"), ("note",)))
            for row in published
        ],
        results=results,
        parameters=model.get("parameters"),
        citation=_citation(document.get("citation")),
        scaling=model.get("scaling", {}),
        features=_features(document.get("features", {})),
    )


def _citation(table):
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ValueError(f"expected a section [citation]. Received: citation={shown(table)}.")
    return Citation(**_keys(table, "citation", ("authors", "title", "venue"), ("year",)))


def _features(table):
    if not isinstance(table, dict):
        raise ValueError(f"expected a section [features]. Received: features={shown(table)}.")
    return table


def _keys(table, section, required, optional=()):
    for key in required:
        if key not in table:
            raise ValueError(
                f"expected {section}.{key}. Received: [{section}] with {', '.join(table) or '-'}."
            )
    for key in table:
        if key not in required + optional:
            raise ValueError(
                f"expected [{section}] to hold {', '.join(required + optional)}. "
                f"Received: {section}.{key}. {nearest(key, required + optional)}"
            )
    return table


def _strings(table, section, required, optional=()):
    for key, value in _keys(table, section, required, optional).items():
        if not isinstance(value, str):
            raise ValueError(f"expected {section}.{key} in quotes. Received: {key}={shown(value)}.")
    return table
