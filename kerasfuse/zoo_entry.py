"""What a zoo entry says: one toml file that is a model's definition, recipe, results and card."""

import dataclasses
import difflib
import inspect
import pathlib
import tomllib

import keras

from kerasfuse import datasets, metrics, models, training

LOSSES = (
    "mae",
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "sentiment_cross_entropy",
    "emotion_cross_entropy",
)
CLASSES = {"ravdess": 8, "av_mnist": 10, "cremad": 6, "ave": 28, "kinetics_sound": 34}
METRICS = ("binary", "mosi", "mosei", "sims", "iemocap", *CLASSES)
OPTIMIZERS = ("adam", "sgd")
STRATEGIES = ("AGM", "MSES", "MSLR", "OGMGE")
SECTIONS = ("entry", "model", "data", "recipe", "weights", "published", "results")


def nearest(name, valid):
    """Say which valid names are near `name`, or all of them when none is."""
    valid = sorted(valid)
    close = difflib.get_close_matches(str(name), valid, n=3, cutoff=0.5)
    if close:
        return f"Nearest: {', '.join(close)}."
    return f"Valid: {', '.join(valid) if valid else 'none'}."


@dataclasses.dataclass(frozen=True)
class Recipe:
    """State every choice of a training run.

    Args:
        loss: one of `LOSSES`; cross-entropies take raw scores.
        metrics: one of `METRICS`, the family of data-set metrics that is reported.
        score: the metric that lists and the README show.
        optimizer: `"adam"` or `"sgd"`.
        learning_rate: the first learning rate.
        clip_norm: the gradient of all weights together is scaled down to this norm.
        batch_size: samples in a batch.
        epochs: epochs at most.
        plateau_factor: the learning rate is multiplied by this when `monitor` stands still.
        plateau_patience: epochs without improvement before that.
        early_stopping: epochs without improvement before training ends.
        monitor: the validation quantity, `val_...`, that the schedule, the stop and the choice of
            weights go by; best is lowest for losses and errors, highest for the rest.
        seeds: one run each.
        folds: for cross-validation, values of the data set's argument `fold`. A seed then trains
            once on each, and its scores are the means over folds; the weights are those of the
            fold that the entry's data names.
        gate_search: dict of `batch_size` and `epochs` at most of a first phase, in which a modality
            gate makes its choice; the rest of the recipe then trains with the gate frozen.
        momentum, weight_decay: of `"sgd"`.
        modulation: dict of `strategy`, one of `STRATEGIES`, and its arguments, which then balances
            the modalities; empty for plain training whose modalities are scored likewise.
        concepts: dict of `epochs`; how long a network of each modality alone is trained after the
            model, to measure the competition strength by.
    """

    loss: str
    metrics: str
    score: str
    optimizer: str
    learning_rate: float
    clip_norm: float
    batch_size: int
    epochs: int
    plateau_factor: float
    plateau_patience: int
    early_stopping: int
    monitor: str
    seeds: tuple
    folds: tuple = ()
    gate_search: dict | None = None
    momentum: float = 0.0
    weight_decay: float = 0.0
    modulation: dict | None = None
    concepts: dict | None = None

    def __post_init__(self):
        for field, choices in (("loss", LOSSES), ("metrics", METRICS), ("optimizer", OPTIMIZERS)):
            self._check_choice(field, choices)
        for field in ("batch_size", "epochs", "plateau_patience", "early_stopping"):
            value = getattr(self, field)
            if type(value) is not int or value < 1:
                raise ValueError(
                    f"expected {field} to be a whole number from 1. Received: {field}={value!r}."
                )
        for field in ("learning_rate", "clip_norm", "plateau_factor"):
            value = getattr(self, field)
            if type(value) not in (int, float) or not 0 < value < float("inf"):
                raise ValueError(
                    f"expected {field} to be a number above 0. Received: {field}={value!r}."
                )
        if self.plateau_factor >= 1:
            raise ValueError(
                "expected plateau_factor to lie between 0 and 1. "
                f"Received: plateau_factor={self.plateau_factor!r}."
            )
        names = [metric.name for metric in self.make_metrics()]
        # Training and test quantities carry no such prefix: nothing is ever chosen on them.
        monitors = [f"val_{name}" for name in ("loss", *names)]
        for field, choices in (("score", names), ("monitor", monitors)):
            self._check_choice(field, choices)
        object.__setattr__(self, "seeds", check_seeds(self.seeds))
        if not isinstance(self.folds, list | tuple):
            raise ValueError(f"expected folds to be a list. Received: folds={self.folds!r}.")
        object.__setattr__(self, "folds", tuple(self.folds))
        for field in ("momentum", "weight_decay"):
            value = getattr(self, field)
            if type(value) not in (int, float) or not 0 <= value < 1:
                raise ValueError(
                    f"expected {field} to be a number from 0 below 1. Received: {field}={value!r}."
                )
            if value and self.optimizer != "sgd":
                raise ValueError(
                    f"expected {field} under optimizer='sgd' only. Received: {self.optimizer!r}."
                )
        if self.gate_search is not None:
            _check_counts("gate_search", self.gate_search, ("batch_size", "epochs"))
        if self.concepts is not None:
            _check_counts("concepts", self.concepts, ("epochs",))
        if self.modulation is not None:
            _check_modulation(self.modulation)

    def make_metrics(self):
        """Make the metrics of the family that the recipe names."""
        if self.metrics == "binary":
            return metrics.binary()
        if self.metrics == "iemocap":
            return metrics.emotion("iemocap")
        if self.metrics in CLASSES:
            return metrics.multiclass(CLASSES[self.metrics])
        return metrics.sentiment(self.metrics)

    def _check_choice(self, field, choices):
        value = getattr(self, field)
        if value not in choices:
            raise ValueError(
                f"expected {field} to be one of {', '.join(choices)}. "
                f"Received: {field}={value!r}. {nearest(value, choices)}"
            )


def _check_counts(field, counts, keys):
    if not isinstance(counts, dict) or set(counts) != set(keys):
        raise ValueError(
            f"expected {field} to hold {' and '.join(keys)}. Received: {field}={counts!r}."
        )
    for key, value in counts.items():
        if type(value) is not int or value < 1:
            raise ValueError(
                f"expected {field}.{key} to be a whole number from 1. Received: {value!r}."
            )


def _check_modulation(modulation):
    if not isinstance(modulation, dict) or (modulation and "strategy" not in modulation):
        raise ValueError(
            "expected modulation to hold a strategy and its arguments, or nothing. "
            f"Received: modulation={modulation!r}."
        )
    if not modulation:
        return
    name = modulation["strategy"]
    if name not in STRATEGIES:
        raise ValueError(
            f"expected modulation.strategy to be one of {', '.join(STRATEGIES)}. "
            f"Received: strategy={name!r}. {nearest(name, STRATEGIES)}"
        )
    valid = [key for key in inspect.signature(getattr(training, name)).parameters]
    for key in modulation:
        if key not in ("strategy", *valid):
            raise ValueError(
                f"expected an argument of {name}. Received: modulation.{key}. {nearest(key, valid)}"
            )
    make_strategy(modulation)


def make_strategy(modulation):
    """Make the strategy that a recipe's `modulation` names."""
    arguments = {key: value for key, value in modulation.items() if key != "strategy"}
    return getattr(training, modulation["strategy"])(**arguments)


def check_seeds(seeds):
    """Return `seeds` as a tuple of distinct whole numbers from 0."""
    valid = isinstance(seeds, list | tuple) and len(seeds) > 0
    if not valid or any(type(seed) is not int or seed < 0 for seed in seeds):
        raise ValueError(f"expected seeds to be whole numbers from 0. Received: seeds={seeds!r}.")
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"expected every seed once. Received: seeds={list(seeds)!r}.")
    return tuple(seeds)


# The fields of a recipe that an entry need not have.
OPTIONAL = tuple(
    field.name for field in dataclasses.fields(Recipe) if field.default is not dataclasses.MISSING
)


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
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return _parse(document, path.name.removesuffix(".toml"))
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ValueError(f"{path.name} is not a valid entry: {error}") from error


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
    if head["name"] != name:
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
