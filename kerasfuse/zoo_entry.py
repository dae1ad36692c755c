"""What a zoo entry says: one toml file that is a model's definition, recipe, results and card."""

import dataclasses
import inspect
import pathlib
import tomllib

import keras

from kerasfuse import datasets, models
from kerasfuse.zoo_recipe import OPTIONAL, Recipe, nearest

SECTIONS = ("entry", "model", "data", "recipe", "weights", "published", "results")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Say what weights an entry has and what terms they carry.

    Args:
        trained_on: the data that made them, in words.
        licence: the terms of that data, which are the terms of the weights.
        made_by: the command that makes them.
        file: file name beside the toml file; empty while there are none.
        sha256: checksum of that file.
        seed: the run that they come from.
    """

    trained_on: str
    licence: str
    made_by: str
    file: str = ""
    sha256: str = ""
    seed: int | None = None


@dataclasses.dataclass(frozen=True)
class Published:
    """Quote one figure from a paper, on the same data and split.

    Args:
        model: whose figure it is.
        metric: the name of our metric that measures the same.
        value: the figure, in the unit of our metric.
        note: what a reader must know before comparing.
    """

    model: str
    metric: str
    value: float
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Entry:
    """Hold one entry of the zoo, parsed and checked.

    Args:
        name: `<model>_<dataset>`, also the file's name.
        title: one line.
        paper: where the model was published.
        summary: a few sentences for the card.
        model_class: name of a class in `kerasfuse.models`.
        model_args: its keyword arguments.
        data_name: name of a data set in `kerasfuse.datasets`.
        data_args: its configuration.
        recipe: a `Recipe`.
        weights: a `Weights`.
        published: list of `Published`.
        results: what the recipe runner recorded; empty before.

    Example:

    >>> from kerasfuse import zoo
    >>> zoo.entry("mica_mosei").model_args["num_heads"]
    10
    """

    name: str
    title: str
    paper: str
    summary: str
    model_class: str
    model_args: dict
    data_name: str
    data_args: dict
    recipe: Recipe
    weights: Weights
    published: list = dataclasses.field(default_factory=list)
    results: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.model_class not in model_classes():
            raise ValueError(
                "expected the class of a model of kerasfuse.models. "
                f"Received: class={self.model_class!r}. "
                f"{nearest(self.model_class, model_classes())}"
            )
        if self.data_name not in datasets.names():
            raise ValueError(
                "expected the name of a data set of kerasfuse.datasets. "
                f"Received: name={self.data_name!r}. {nearest(self.data_name, datasets.names())}"
            )
        for kind, arguments, valid in (
            ("model", self.model_args, model_arguments(self.model_class)),
            ("data", self.data_args, data_arguments(self.data_name)),
        ):
            for key in arguments:
                if key not in valid:
                    raise ValueError(
                        f"expected an argument of the {kind}. "
                        f"Received: {kind}.{key}={arguments[key]!r}. {nearest(key, valid)}"
                    )
        self._check_folds()
        if self.simulated and self.published:
            raise ValueError(
                "expected no published figures beside results on simulated data: they measure "
                f"different things. Received: published={self.published!r} in {self.name}."
            )

    def _check_folds(self):
        folds = self.recipe.folds
        if not folds:
            return
        if "fold" not in data_arguments(self.data_name):
            raise ValueError(
                "expected recipe.folds only of data that have an argument `fold`. "
                f"Received: folds={list(folds)!r} of {self.data_name}."
            )
        if len(set(folds)) < len(folds) or self.data_args.get("fold") not in folds:
            raise ValueError(
                "expected different folds, and data.fold to be one of them: its weights are kept. "
                f"Received: folds={list(folds)!r}, data.fold={self.data_args.get('fold')!r}."
            )

    @property
    def simulated(self):
        """Whether the entry's data, and so its weights and scores, are simulated."""
        return self.data_name == "simulated"

    @property
    def recorded(self):
        """Whether the results of the entry's own recipe are recorded."""
        return "seeds" in self.results

    def build(self):
        """Build the model with random weights, uncompiled."""
        return model_classes()[self.model_class](**self.model_args)

    def definition(self):
        """Return what decides a training run, seeds aside, as nested dicts that toml can write."""
        recipe = {**dataclasses.asdict(self.recipe), "folds": list(self.recipe.folds)}
        del recipe["seeds"]
        # What was not said is left out: run folders of older versions stay what they were.
        for field in dataclasses.fields(Recipe):
            said = recipe.get(field.name) != field.default
            if field.name in OPTIONAL and field.name != "folds" and not said:
                del recipe[field.name]
        return {
            "entry": {"name": self.name},
            "model": {"class": self.model_class, "args": dict(self.model_args)},
            "data": {"name": self.data_name, "args": dict(self.data_args)},
            "recipe": recipe,
        }

    def on_fold(self, fold):
        """Return a copy for one fold of the data, without cross-validation."""
        return dataclasses.replace(
            self,
            data_args={**self.data_args, "fold": fold},
            recipe=dataclasses.replace(self.recipe, folds=()),
        )

    def override(self, settings):
        """Return a copy with other values for arguments of the model, the data or the recipe.

        Args:
            settings: dict of name -> value. A name is an argument of the model's constructor, of
                the data set or of `Recipe`; a name that more than one of them has is written
                `model.name`, `data.name` or `recipe.name`. `class` names another class of
                model, which must take the entry's arguments; `data` another data set, which gets
                none of the entry's data arguments, nor its folds.

        Raises:
            ValueError: for a name that none of them has, with the nearest ones, for one that is
                not unique, and for a value that the recipe does not allow.
        """
        if "class" in settings:
            # Before its arguments, which must be the new one's.
            others = {key: value for key, value in settings.items() if key != "class"}
            return dataclasses.replace(self, model_class=settings["class"]).override(others)
        if "data" in settings:
            others = {key: value for key, value in settings.items() if key != "data"}
            recipe = dataclasses.replace(self.recipe, folds=())
            moved = dataclasses.replace(
                self, data_name=settings["data"], data_args={}, recipe=recipe
            )
            return moved.override(others)
        places = {
            "model": model_arguments(self.model_class),
            "data": data_arguments(self.data_name),
            "recipe": tuple(field.name for field in dataclasses.fields(Recipe)),
        }
        changed = {place: {} for place in places}
        for key, value in settings.items():
            prefix, _, bare = key.rpartition(".")
            holders = [
                place for place, valid in places.items() if bare in valid and prefix in ("", place)
            ]
            if not holders:
                every = set().union(*places.values())
                raise ValueError(
                    "expected the name of an argument of the model, the data or the recipe. "
                    f"Received: {key}={value!r}. {nearest(bare, every)}"
                )
            if len(holders) > 1:
                choices = " or ".join(f"{place}.{bare}" for place in holders)
                raise ValueError(f"expected {choices}. Received: {key}={value!r}.")
            changed[holders[0]][bare] = value
        return dataclasses.replace(
            self,
            model_args={**self.model_args, **changed["model"]},
            data_args={**self.data_args, **changed["data"]},
            recipe=dataclasses.replace(self.recipe, **changed["recipe"]),
        )


def model_classes():
    """Return the model classes that an entry may name: name -> class."""
    return {
        name: value
        for name, value in vars(models).items()
        if inspect.isclass(value)
        and issubclass(value, keras.Model)
        and "modalities" in inspect.signature(value).parameters
    }


def model_arguments(model_class):
    """Return the names that a model's constructor takes."""
    parameters = inspect.signature(model_classes()[model_class].__init__).parameters.values()
    return tuple(
        parameter.name
        for parameter in parameters
        if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    )


def data_arguments(data_name):
    """Return the names that a data set's configuration takes."""
    # A data set is one function in the module of its own name; see `datasets.registry`.
    function = getattr(getattr(datasets, data_name), data_name)
    parameters = inspect.signature(function).parameters.values()
    return tuple(found.name for found in parameters if found.kind is found.KEYWORD_ONLY)


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
        return _parse(tomllib.loads(data.decode("utf-8")), name)
    # The last three: a number, say, where a table or a name should be.
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{source} is not a valid entry: {error}") from error


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
        raise ValueError(f"expected the file's name, {name!r}. Received: name={head['name']!r}.")
    model = _keys(document["model"], "model", ("class",), ("args",))
    data = _keys(document["data"], "data", ("name",), ("args",))
    fields = tuple(f.name for f in dataclasses.fields(Recipe) if f.name not in OPTIONAL)
    weights = document["weights"]
    _strings(
        {key: weights[key] for key in weights if key != "seed"},
        "weights",
        ("trained_on", "licence", "made_by"),
        ("file", "sha256"),
    )
    if weights.get("file", "") != pathlib.Path(weights.get("file", "")).name:
        raise ValueError(f"expected a bare file name. Received: weights.file={weights['file']!r}.")
    published = document.get("published", [])
    if not isinstance(published, list):
        raise ValueError("expected [[published]], a list of tables. Received: [published].")
    return Entry(
        **head,
        model_class=model["class"],
        model_args=model.get("args", {}),
        data_name=data["name"],
        data_args=data.get("args", {}),
        recipe=Recipe(**_keys(document["recipe"], "recipe", fields, OPTIONAL)),
        weights=Weights(**weights),
        published=[
            Published(**_keys(row, "published", ("model", "metric", "value"), ("note",)))
            for row in published
        ],
        results=document.get("results", {}),
    )


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
            raise ValueError(f"expected {section}.{key} in quotes. Received: {key}={value!r}.")
    return table
