"""What a search may choose from: ranges and choices by the names of arguments."""

import dataclasses
import json
from typing import Any

from kerasfuse.nearest_names import choose
from kerasfuse.shown import shown

_RANGE = ("low", "high", "log", "step")
_LARGEST = 1e300
# The longest names have a few parts, such as model.encoders.text.dim.
_MOST_TABLES = 8
_KEYS = (*_RANGE, "choices", "when")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """Hold what one argument may be.

    Args:
        name: of the argument, as `--set` takes it.
        low, high: the bounds of a number, both included; whole numbers if both are.
        log: whether the logarithm is drawn evenly.
        step: distance of the values from `low` on.
        choices: list of values, in place of a range.
        when: dict of other names to values: the argument is only chosen where all of them hold.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()
    when: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.when, dict):
            raise ValueError(
                f"expected {self.name}.when to be a table of arguments and their values. "
                f"Received: when={shown(self.when)}."
            )
        if self.choices:
            _check_plain(self.name, self.choices)
            return
        if type(self.log) is not bool:
            raise ValueError(
                f"expected {self.name}.log to be true or false. Received: log={shown(self.log)}."
            )
        for name in ("low", "high"):
            value = getattr(self, name)
            if not _is_number(value):
                raise ValueError(
                    f"expected {self.name} with choices, or with numbers low and high. "
                    f"Received: {name}={shown(value)}."
                )
        if self.low > self.high:
            raise ValueError(
                f"expected {self.name}.low <= {self.name}.high. "
                f"Received: low={self.low!r}, high={self.high!r}."
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(
                f"expected log = true only with low > 0 and without a step. "
                f"Received: {self.name} with low={self.low!r}, step={self.step!r}."
            )
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if self.step is not None and (
            not _is_number(self.step) or self.step <= 0 or (whole and self.step != int(self.step))
        ):
            kind = "a whole number" if whole else "a number"
            raise ValueError(
                f"expected {self.name}.step to be {kind} above 0. Received: "
                f"step={shown(self.step)}."
            )

    @property
    def extremes(self):
        """Every value that has to be possible for the range to be: its bounds, or all choices."""
        return self.choices or (self.low, self.high)

    def suggest(self, trial):
        """Let a trial of Optuna choose."""
        if self.choices:
            # It keeps numbers and words; what else toml has goes by its text.
            texts = [json.dumps(choice) for choice in self.choices]
            return json.loads(trial.suggest_categorical(self.name, texts))
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(self.name, self.low, self.high, step=step, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)


def _is_number(value):
    # Larger ones have no float.
    return type(value) in (int, float) and abs(value) <= _LARGEST


def _check_plain(name, choices):
    try:
        json.dumps(choices, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"expected {name}.choices to be numbers, words, lists and tables. "
            f"Received: {shown(choices)} ({error})."
        ) from error


def parse(space):
    """Return the parameters of a space, those that others depend on first.

    Args:
        space: nested dict, as toml has it: name -> dict of `low`, `high`, `log`, `step`, or of
            `choices`; and perhaps `when`.

    Raises:
        ValueError: for an empty space, keys and bounds that mean nothing, and conditions that
            nothing can meet.
    """
    found = {parameter.name: parameter for parameter in _parameters(space)}
    if not found:
        raise ValueError("expected a space with an argument to search over. Received: none.")
    for parameter in found.values():
        for name, value in parameter.when.items():
            if name in found and not _can_be(found[name], value):
                raise ValueError(
                    f"expected {parameter.name}.when to be a value that {name} can have. "
                    f"Received: {name}={value!r}, where its space is {found[name].extremes}."
                )
    return _in_order(found)


def settings(parameters, trial, default, seed=lambda place: None):
    """Let a trial choose all that its other choices leave open.

    Args:
        parameters: what `parse` gave.
        trial: of Optuna.
        default: function of a name: what holds where it is not searched over.
        seed: called with the place of a parameter before it is drawn.

    Returns:
        Dict of name to value, as `Entry.override` takes it.
    """
    chosen = {}
    for place, parameter in enumerate(parameters):
        holds = (chosen.get(name, default(name)) == value for name, value in parameter.when.items())
        if all(holds):
            seed(place)
            chosen[parameter.name] = parameter.suggest(trial)
    return chosen


def default_space(entry):
    """Return the space that a search takes where none is given.

    The learning rate between a tenth and ten times the recipe's, weight decay likewise where the
    recipe has one, and every rate of dropout up to a half.

    Args:
        entry: an `Entry`.
    """
    space = {}
    for name in ("learning_rate", "weight_decay"):
        if value := getattr(entry.recipe, name):
            # Nobody means a rate of one.
            space[name] = {"low": value / 10, "high": min(value * 10, 0.5), "log": True}
    for name, value in entry.model_args.items():
        if name.endswith("dropout") and isinstance(value, float | int):
            space[f"model.{name}"] = {"low": 0.0, "high": 0.5, "step": 0.1}
    return space


def _parameters(space, prefix=""):
    for key, table in space.items():
        name = f"{prefix}{key}"
        if name.count(".") > _MOST_TABLES:
            raise ValueError(
                f"expected tables within at most {_MOST_TABLES} others. Received: {shown(name)}."
            )
        if not isinstance(table, dict):
            raise ValueError(
                f"expected a table for {name}: low and high, or choices. Received: {table!r}."
            )
        if table and all(isinstance(value, dict) and key != "when" for key, value in table.items()):
            # [model.dim] of toml is the argument model.dim.
            yield from _parameters(table, f"{name}.")
            continue
        for key in table:
            choose(f"key of {name}", key, _KEYS)
        if "choices" in table:
            choices = table["choices"]
            if not isinstance(choices, list | tuple) or not choices or set(table) & set(_RANGE):
                raise ValueError(
                    f"expected {name}.choices to be a list with a value, and no range beside it. "
                    f"Received: {table!r}."
                )
            yield Parameter(name, choices=tuple(choices), when=table.get("when", {}))
        else:
            yield Parameter(name, **table)


def _can_be(parameter, value):
    if parameter.choices:
        return value in parameter.choices
    return isinstance(value, int | float) and parameter.low <= value <= parameter.high


def _in_order(found):
    ordered, waiting = [], list(found.values())
    while waiting:
        open_names = {parameter.name for parameter in waiting}
        ready = [p for p in waiting if not open_names & p.when.keys()]
        if not ready:
            raise ValueError(
                "expected conditions that do not wait for each other. "
                f"Received: when of {', '.join(sorted(open_names))}."
            )
        ordered += ready
        waiting = [parameter for parameter in waiting if parameter not in ready]
    return ordered
