"""What a recipe says: every choice of a training run, checked."""

import dataclasses
import inspect
from typing import Any

import keras

from kerasfuse import datasets, losses, metrics, training
from kerasfuse.datasets.batching.modality_dropout import check_rates
from kerasfuse.entries.callbacks import check_callbacks
from kerasfuse.nearest_names import choose, nearest
from kerasfuse.shown import shortened, shown

LOSSES = (
    "mae",
    "mse",
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "sentiment_cross_entropy",
    "emotion_cross_entropy",
)
_SENTIMENT = ("mosi", "mosei", "sims")
_OF_CLASSES = tuple(name for name in datasets.names() if datasets.num_classes(name))
# Those of any data: what the outputs are is in `targets`.
TASKS = ("regression", "classes", "multilabel")
METRICS = ("binary", *_SENTIMENT, "iemocap", "mosei_emotions", *_OF_CLASSES, *TASKS)
OPTIMIZERS = ("adam", "adamw", "sgd")
_OPTIMIZERS_WITH = {"momentum": ("sgd",), "weight_decay": ("sgd", "adamw")}
STRATEGIES = ("AGM", "MSES", "MSLR", "OGMGE")
# Of the numbers that an optimizer keeps, in float32.
_LARGEST = 3.4e38


@dataclasses.dataclass(frozen=True)
class Recipe:
    """State every choice of a training run.

    Args:
        loss: one of `LOSSES`; cross-entropies take raw scores.
        metrics: one of `METRICS`, the family of data-set metrics that is reported.
        score: the metric that lists and the README show.
        optimizer: `"adam"`, `"adamw"` or `"sgd"`.
        learning_rate: the first learning rate, or the highest with `warmup_epochs`.
        clip_norm: the gradient of all weights together is scaled down to this norm.
        batch_size: samples in a batch.
        epochs: epochs at most.
        early_stopping: epochs without improvement before training ends.
        monitor: the validation quantity, `val_...`, that the schedule, the stop and the choice of
            weights go by; best is lowest for losses and errors, highest for the rest.
        seeds: one run each.
        plateau_factor: the learning rate is multiplied by this when `monitor` stands still.
        plateau_patience: epochs without improvement before that.
        warmup_epochs: in place of a plateau: the learning rate climbs linearly for so many epochs,
            from 0, then falls linearly to 0 at the end of the last.
        folds: for cross-validation, values of the data set's argument `fold`. A seed then trains
            once on each, and its scores are the means over folds; the weights are those of the
            fold that the entry's data names.
        gate_search: dict of `batch_size` and `epochs` at most of a first phase, in which a modality
            gate makes its choice; the rest of the recipe then trains with the gate frozen.
        momentum: of `"sgd"`.
        weight_decay: of `"sgd"`, and of `"adamw"`, where biases and norms have none.
        modulation: dict of `strategy`, one of `STRATEGIES`, and its arguments, which then balances
            the modalities; empty for plain training whose modalities are scored likewise.
        text_preset: name of a preset of keras-hub, whose weights the model's `text_encoder` starts
            from; a folder that `save_to_preset` wrote will do, too.
        companions: dict of `refresh`: each training sample brings companions along, which are
            chosen anew every so many epochs; see `kerasfuse.datasets.Companions`.
        concepts: dict of `epochs`; how long a network of each modality alone is trained after the
            model, to measure the competition strength by.
        targets: under the metrics `"regression"`, `"classes"` and `"multilabel"`, the names of the
            numbers, classes or labels, one an output.
        class_weights: `"balanced"`: a training sample of class c counts n / (classes n_c) times, so
            that all classes count alike.
        initial_weights: name or address of an entry whose weights training begins with, as far as
            they fit, see `kerasfuse.zoo.load`; the run does without it once it is trained.
        callbacks: list of tables of `class`, the name of a callback of Keras, and its arguments;
            its files lie in the folder of each seed. `"TensorBoard"` writes without TensorFlow. A
            run that goes on after an interruption makes them anew.
        drop_modality: dict of modality name to the probability with which a training sample lacks
            it, see `kerasfuse.datasets.ModalityDropout`.
        average_weights: momentum of a running average of the weights, which is what is validated,
            kept and scored, see `kerasfuse.training.callbacks.AverageWeights`; 0 for none.
        frozen: names of layers, or shell patterns such as `"text_*"`, that are not trained.
    """

    loss: str
    metrics: str
    score: str
    optimizer: str
    learning_rate: float
    clip_norm: float
    batch_size: int
    epochs: int
    early_stopping: int
    monitor: str
    seeds: tuple[int, ...]
    plateau_factor: float | None = None
    plateau_patience: int | None = None
    warmup_epochs: int | None = None
    folds: tuple[Any, ...] = ()
    gate_search: dict[str, Any] | None = None
    momentum: float = 0.0
    weight_decay: float = 0.0
    text_preset: str | None = None
    companions: dict[str, Any] | None = None
    modulation: dict[str, Any] | None = None
    concepts: dict[str, Any] | None = None
    targets: tuple[str, ...] = ()
    class_weights: str | None = None
    initial_weights: str | None = None
    frozen: tuple[str, ...] = ()
    callbacks: tuple[dict[str, Any], ...] = ()
    drop_modality: dict[str, float] | None = None
    average_weights: float = 0.0

    def __post_init__(self):
        for field, choices in (("loss", LOSSES), ("metrics", METRICS), ("optimizer", OPTIMIZERS)):
            choose(field, getattr(self, field), choices)
        self._check_targets()
        self._check_schedule()
        plateau = self.warmup_epochs is None
        for field in ("batch_size", "epochs", "early_stopping", *["plateau_patience"] * plateau):
            value = getattr(self, field)
            if type(value) is not int or value < 1:
                raise ValueError(
                    f"expected {field} to be a whole number from 1. Received: "
                    f"{field}={shown(value)}."
                )
        for field in ("learning_rate", "clip_norm", *["plateau_factor"] * plateau):
            value = getattr(self, field)
            if type(value) not in (int, float) or not 0 < value < _LARGEST:
                raise ValueError(
                    f"expected {field} to be a number above 0 and below {_LARGEST}. Received: "
                    f"{field}={shown(value)}."
                )
            # Optimizers of Keras take no whole numbers.
            object.__setattr__(self, field, float(value))
        if plateau and self.plateau_factor >= 1:
            raise ValueError(
                "expected plateau_factor to lie between 0 and 1. "
                f"Received: plateau_factor={shown(self.plateau_factor)}."
            )
        names = [metric.name for metric in self.make_metrics()]
        # Training and test quantities carry no such prefix: nothing is ever chosen on them.
        monitors = [f"val_{name}" for name in ("loss", *names)]
        for field, choices in (("score", names), ("monitor", monitors)):
            choose(field, getattr(self, field), choices)
        object.__setattr__(self, "seeds", check_seeds(self.seeds))
        if not isinstance(self.folds, list | tuple):
            raise ValueError(f"expected folds to be a list. Received: folds={shown(self.folds)}.")
        object.__setattr__(self, "folds", tuple(self.folds))
        for field in ("momentum", "weight_decay", "average_weights"):
            value = getattr(self, field)
            if type(value) not in (int, float) or not 0 <= value < 1:
                raise ValueError(
                    f"expected {field} to be a number from 0 below 1. Received: "
                    f"{field}={shown(value)}."
                )
            optimizers = _OPTIMIZERS_WITH.get(field, OPTIMIZERS)
            object.__setattr__(self, field, float(value))
            if value and self.optimizer not in optimizers:
                raise ValueError(
                    f"expected {field} under optimizer {' or '.join(optimizers)} only. "
                    f"Received: {shown(self.optimizer)}."
                )
        for field, what in (("text_preset", "a preset"), ("initial_weights", "an entry")):
            value = getattr(self, field)
            if not isinstance(value, str | None):
                raise ValueError(
                    f"expected {field} to be the name of {what}. Received: {field}={shown(value)}."
                )
        if self.gate_search is not None:
            _check_counts("gate_search", self.gate_search, ("batch_size", "epochs"))
        if self.concepts is not None:
            _check_counts("concepts", self.concepts, ("epochs",))
        if self.companions is not None:
            _check_counts("companions", self.companions, ("refresh",))
        if self.drop_modality is not None:
            check_rates(self.drop_modality)
        if self.modulation is not None:
            _check_modulation(self.modulation)

    def _check_targets(self):
        names = self.targets
        if not isinstance(names, list | tuple) or any(type(name) is not str for name in names):
            raise ValueError(
                f"expected targets to be a list of names. Received: targets={names!r}."
            )
        if len(set(names)) < len(names) or (names and self.metrics not in TASKS):
            raise ValueError(
                f"expected different targets, under metrics {', '.join(TASKS)} only. "
                f"Received: targets={list(names)!r}, metrics={self.metrics!r}."
            )
        least = {"classes": 2, "multilabel": 1}.get(self.metrics, 0)
        if len(names) < least:
            raise ValueError(
                f"expected targets, the names of {least} or more {self.metrics}, an output each. "
                f"Received: targets={list(names)!r}."
            )
        object.__setattr__(self, "targets", tuple(names))
        frozen = self.frozen
        if not isinstance(frozen, list | tuple) or any(type(x) is not str for x in frozen):
            raise ValueError(
                f"expected frozen to be a list of names of layers. Received: frozen={frozen!r}."
            )
        object.__setattr__(self, "frozen", tuple(frozen))
        check_callbacks(self.callbacks)
        object.__setattr__(self, "callbacks", tuple(self.callbacks))
        if self.class_weights is not None:
            choose("class_weights", self.class_weights, ("balanced",))

    def _check_schedule(self):
        plateau = [self.plateau_factor, self.plateau_patience]
        if (self.warmup_epochs is None) == (plateau == [None, None]):
            raise ValueError(
                "expected plateau_factor and plateau_patience, or warmup_epochs in their place. "
                f"Received: plateau_factor={shown(self.plateau_factor)}, plateau_patience="
                f"{shown(self.plateau_patience)}, warmup_epochs={shown(self.warmup_epochs)}."
            )
        warmup = self.warmup_epochs
        if warmup is not None and (type(warmup) is not int or not 0 <= warmup < self.epochs):
            raise ValueError(
                "expected warmup_epochs to be a whole number from 0, below epochs. "
                f"Received: warmup_epochs={shown(warmup)}, epochs={shown(self.epochs)}."
            )

    def make_loss(self) -> keras.losses.Loss:
        """Make the loss that the recipe names."""
        return {
            "mae": keras.losses.MeanAbsoluteError,
            "mse": keras.losses.MeanSquaredError,
            "binary_crossentropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
            "sparse_categorical_crossentropy": lambda: keras.losses.SparseCategoricalCrossentropy(
                from_logits=True
            ),
            "sentiment_cross_entropy": losses.SentimentCrossEntropy,
            "emotion_cross_entropy": losses.EmotionCrossEntropy,
        }[self.loss]()

    def make_metrics(self) -> list[keras.Metric]:
        """Make the metrics of the family that the recipe names."""
        if self.metrics == "binary":
            return metrics.binary()
        if self.metrics == "iemocap":
            return metrics.emotion("iemocap")
        if self.metrics == "mosei_emotions":
            return metrics.emotion("mosei")
        if self.metrics in _SENTIMENT:
            return metrics.sentiment(self.metrics)
        if self.metrics == "regression":
            return metrics.regression(self.targets or ("score",))
        if self.metrics == "multilabel":
            return metrics.multilabel(self.targets)
        return metrics.multiclass(self.num_classes)

    @property
    def num_classes(self) -> int | None:
        """Number of classes that the metrics are of; `None` where a label is no class."""
        if self.metrics == "classes":
            return len(self.targets)
        return datasets.num_classes(self.metrics) if self.metrics in _OF_CLASSES else None


def _check_counts(field, counts, keys):
    if not isinstance(counts, dict) or set(counts) != set(keys):
        raise ValueError(
            f"expected {field} to hold {' and '.join(keys)}. Received: {field}={shown(counts)}."
        )
    for key, value in counts.items():
        if type(value) is not int or value < 1:
            raise ValueError(
                f"expected {field}.{key} to be a whole number from 1. Received: {shown(value)}."
            )


def _check_modulation(modulation):
    if not isinstance(modulation, dict) or (modulation and "strategy" not in modulation):
        raise ValueError(
            "expected modulation to hold a strategy and its arguments, or nothing. "
            f"Received: modulation={shown(modulation)}."
        )
    if not modulation:
        return
    name = choose("modulation.strategy", modulation["strategy"], STRATEGIES)
    valid = [key for key in inspect.signature(getattr(training, name)).parameters]
    for key in modulation:
        if key not in ("strategy", *valid):
            raise ValueError(
                f"expected an argument of {name}. Received: modulation.{key}. {nearest(key, valid)}"
            )
    try:
        make_strategy(modulation)
    except Exception as error:  # an argument that is missing, or of another kind
        told = str(error)
        if told.startswith("expected "):
            raise
        raise ValueError(
            f"expected the arguments of {name}, {', '.join(valid)}. Received: "
            f"modulation={shown(modulation)} "
            f"({shortened(told.removeprefix(f'{name}.__init__() '))})."
        ) from error


def make_strategy(modulation):
    """Make the strategy that a recipe's `modulation` names."""
    arguments = {key: value for key, value in modulation.items() if key != "strategy"}
    return getattr(training, modulation["strategy"])(**arguments)


def check_seeds(seeds):
    """Return `seeds` as a tuple of distinct whole numbers from 0."""
    valid = isinstance(seeds, list | tuple) and len(seeds) > 0
    # Generators of random numbers take no larger ones.
    if not valid or any(type(seed) is not int or not 0 <= seed < 2**32 for seed in seeds):
        raise ValueError(
            f"expected seeds to be whole numbers from 0. Received: seeds={shown(seeds)}."
        )
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"expected every seed once. Received: seeds={shown(list(seeds))}.")
    return tuple(seeds)


# The fields of a recipe that an entry need not have.
OPTIONAL = tuple(
    field.name for field in dataclasses.fields(Recipe) if field.default is not dataclasses.MISSING
)
