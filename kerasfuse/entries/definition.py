"""What an entry says: a model's definition, its recipe, results and weights."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, Self

from kerasfuse import datasets
from kerasfuse.entries import building
from kerasfuse.entries.argument_kinds import check_kinds
from kerasfuse.entries.arguments import (
    check_nested_classes,
    current_model_args,
    model_arguments,
    model_classes,
)
from kerasfuse.entries.citations import Citation, Published
from kerasfuse.entries.other_modalities import of_other_modalities
from kerasfuse.entries.recipe import OPTIONAL, Recipe
from kerasfuse.entries.token_ids import sizes
from kerasfuse.entries.weights import Weights
from kerasfuse.models import FusionModel, Scaled
from kerasfuse.nearest_names import choose, nearest
from kerasfuse.recordings.features import Features
from kerasfuse.shown import shown


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
        parameters: number of weights of the model; `None` where nobody counted.
        citation: a `Citation`, if the model was published.
        scaling: arguments of `kerasfuse.models.Scaled`, in which the model lies, or nothing where
            the data come in the units that it takes.
        features: how its inputs are made of a recording, the section `[features]`, see
            `kerasfuse.recordings.Features`; nothing where they are not made of one.

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
    model_args: dict[str, Any]
    data_name: str
    data_args: dict[str, Any]
    recipe: Recipe
    weights: Weights
    published: list[Published] = dataclasses.field(default_factory=list)
    results: dict[str, Any] = dataclasses.field(default_factory=dict)
    parameters: int | None = None
    citation: Citation | None = None
    scaling: dict[str, Any] = dataclasses.field(default_factory=dict)
    features: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.model_class, str) or self.model_class not in model_classes():
            raise ValueError(
                "expected the class of a model of kerasfuse.models. "
                f"Received: class={shown(self.model_class)}. "
                f"{nearest(self.model_class, model_classes())}"
            )
        if self.data_name not in datasets.names():
            raise ValueError(
                "expected the name of a data set of kerasfuse.datasets. "
                f"Received: name={shown(self.data_name)}. "
                f"{nearest(self.data_name, datasets.names())}"
            )
        for kind, arguments, valid in (
            ("model", self.model_args, model_arguments(self.model_class)),
            ("data", self.data_args, datasets.arguments(self.data_name)),
        ):
            for key in arguments:
                if key not in valid:
                    raise ValueError(
                        f"expected an argument of the {kind}. "
                        f"Received: {kind}.{key}={shown(arguments[key])}. {nearest(key, valid)}"
                    )
        check_nested_classes(self.model_args)
        check_kinds(model_classes()[self.model_class], self.model_args)
        self._check_scaling()
        self._check_folds()
        if self.features:
            Features.of(self.features, sizes(self.model_args))
        if self.parameters is not None and type(self.parameters) is not int:
            raise ValueError(
                "expected model.parameters to be a whole number. "
                f"Received: parameters={shown(self.parameters)}."
            )
        metrics = [metric.name for metric in self.recipe.make_metrics()]
        for row in self.published:
            choose("published.metric", row.metric, metrics)
        if self.simulated and self.published:
            raise ValueError(
                "expected no published figures beside results on simulated data: they measure "
                f"different things. Received: published={shown(self.published)} in {self.name}."
            )

    def _check_scaling(self):
        if not isinstance(self.scaling, dict):
            raise ValueError(f"expected a table model.scaling. Received: scaling={self.scaling!r}.")
        for key in self.scaling:
            if key not in ("features", "labels"):
                raise ValueError(
                    "expected model.scaling to hold features and labels. "
                    f"Received: model.scaling.{key}. {nearest(key, ('features', 'labels'))}"
                )
        features, labels = (self.scaling.get(key, False) for key in ("features", "labels"))
        if type(labels) is not bool or not isinstance(features, bool | list):
            raise ValueError(
                "expected model.scaling.labels to be true or false, and features true, false or a "
                f"list of modalities. Received: scaling={self.scaling!r}."
            )

    def _check_folds(self):
        folds = self.recipe.folds
        if not folds:
            return
        if "fold" not in datasets.arguments(self.data_name):
            raise ValueError(
                "expected recipe.folds only of data that have an argument `fold`. "
                f"Received: folds={shown(list(folds))} of {self.data_name}."
            )
        if len(set(folds)) < len(folds) or self.data_args.get("fold") not in folds:
            raise ValueError(
                "expected different folds, and data.fold to be one of them: its weights are kept. "
                f"Received: folds={shown(list(folds))}, "
                f"data.fold={shown(self.data_args.get('fold'))}."
            )

    @property
    def simulated(self) -> bool:
        """Whether the entry's data, and so its weights and scores, are simulated."""
        return self.data_name == "simulated"

    @property
    def weights_kind(self) -> str:
        """What data made the weights: `"simulated"`, `"real"` or, without weights, `"none"`."""
        if not self.weights.file:
            return "none"
        return "simulated" if self.simulated else "real"

    @property
    def recording_features(self) -> Features | None:
        """How the model's inputs are made of a recording, `None` where nobody said."""
        if not self.features:
            return None
        return Features.of(self.features, sizes(self.model_args))

    @property
    def recorded(self) -> bool:
        """Whether the results of the entry's own recipe are recorded."""
        return "seeds" in self.results

    def build(self) -> FusionModel:
        """Build the model with random weights, uncompiled.

        Raises:
            ValueError: for arguments that no such model can be made with.
        """
        model = building.build(model_classes()[self.model_class], self.model_args)
        model = Scaled(model, **self.scaling) if any(self.scaling.values()) else model
        model.recording_features = self.recording_features
        return model

    def definition(self) -> dict[str, Any]:
        """Return what decides a training run, seeds aside, as nested dicts that toml can write."""
        recipe = {
            **dataclasses.asdict(self.recipe),
            "folds": list(self.recipe.folds),
            "targets": list(self.recipe.targets),
            "frozen": list(self.recipe.frozen),
            "callbacks": [dict(table) for table in self.recipe.callbacks],
        }
        del recipe["seeds"]
        # What was not said is left out: run folders of older versions stay what they were.
        for field in dataclasses.fields(Recipe):
            said = recipe.get(field.name) not in (field.default, [])
            if field.name in OPTIONAL and field.name != "folds" and not said:
                del recipe[field.name]
        return {
            "entry": {"name": self.name},
            "model": {
                "class": self.model_class,
                "args": dict(self.model_args),
                **({"scaling": dict(self.scaling)} if self.scaling else {}),
            },
            "data": {"name": self.data_name, "args": dict(self.data_args)},
            "recipe": recipe,
        }

    def published_of(self, data_name: str, metrics: str) -> list[Published]:
        """Return the published figures, none where these are of other data or metrics."""
        same = (data_name, metrics) == (self.data_name, self.recipe.metrics)
        return self.published if same else []

    def on_fold(self, fold: Any) -> Self:
        """Return a copy for one fold of the data, without cross-validation."""
        return dataclasses.replace(
            self,
            data_args={**self.data_args, "fold": fold},
            recipe=dataclasses.replace(self.recipe, folds=()),
        )

    def _model_args_for(self, settings):
        modalities = settings.get("modalities", settings.get("model.modalities"))
        if not isinstance(modalities, dict) or "modalities" not in self.model_args:
            return self.model_args
        of_others = of_other_modalities(self.model_args, modalities)
        unset = [key for key in of_others if not settings.keys() & {key, f"model.{key}"}]
        if unset:
            warnings.warn(
                f"{', '.join(unset)} of {self.name} speak of modalities that are not among "
                f"{', '.join(modalities)}: the defaults of {self.model_class} take their place.",
                stacklevel=3,
            )
        return {key: value for key, value in self.model_args.items() if key not in of_others}

    def override(self, settings: Mapping[str, Any]) -> Self:
        """Return a copy with other values for arguments of the model, the data or the recipe.

        Args:
            settings: dict of name -> value. A name is an argument of the model's constructor, of
                the data set or of `Recipe`; a name that more than one of them has is written
                `model.name`, `data.name` or `recipe.name`. `class` names another class of
                model, which must take the entry's arguments; `scaling` a dict of what is scaled in
                the model; `data` another data set, which gets
                none of the entry's data arguments, nor its folds; `modalities` others, at which
                arguments that name one that is gone are the model's defaults again, with a warning.

        Raises:
            ValueError: for a name that none of them has, with the nearest ones, for one that is
                not unique, and for a value that the recipe does not allow.
        """
        if "class" in settings:
            # Before its arguments, which must be the new one's.
            others = {key: value for key, value in settings.items() if key != "class"}
            of_class = dataclasses.replace(self, model_class=settings["class"], parameters=None)
            return of_class.override(others)
        if "scaling" in settings:
            others = {key: value for key, value in settings.items() if key != "scaling"}
            return dataclasses.replace(self, scaling=settings["scaling"] or {}).override(others)
        if "data" in settings:
            others = {key: value for key, value in settings.items() if key != "data"}
            recipe = dataclasses.replace(self.recipe, folds=())
            # Published figures are of the entry's own data.
            moved = dataclasses.replace(
                self,
                data_name=settings["data"],
                data_args={},
                features={},
                recipe=recipe,
                published=self.published_of(settings["data"], recipe.metrics),
            )
            return moved.override(others)
        settings = current_model_args(self.model_class, settings)
        model_args = self._model_args_for(settings)
        places = {
            "model": model_arguments(self.model_class),
            "data": datasets.arguments(self.data_name),
            "recipe": tuple(field.name for field in dataclasses.fields(Recipe)),
        }
        changed: dict[str, dict[str, Any]] = {place: {} for place in places}
        for key, value in settings.items():
            prefix, _, bare = key.rpartition(".")
            holders = [
                place for place, valid in places.items() if bare in valid and prefix in ("", place)
            ]
            if not holders:
                every = set().union(*places.values())
                raise ValueError(
                    "expected the name of an argument of the model, the data or the recipe. "
                    f"Received: {key}={shown(value)}. {nearest(bare, every)}"
                )
            if len(holders) > 1:
                choices = " or ".join(f"{place}.{bare}" for place in holders)
                raise ValueError(f"expected {choices}. Received: {key}={shown(value)}.")
            changed[holders[0]][bare] = value
        recipe = dataclasses.replace(self.recipe, **changed["recipe"])
        return dataclasses.replace(
            self,
            model_args={**model_args, **changed["model"]},
            parameters=None if changed["model"] else self.parameters,
            data_args={**self.data_args, **changed["data"]},
            # Of other features nobody said how to make them.
            features=self.features if _same_features(changed) else {},
            recipe=recipe,
            published=self.published_of(self.data_name, recipe.metrics),
        )


def _same_features(changed):
    return "modalities" not in changed["model"] and not changed["data"].keys() - {"fold"}
