"""What may be searched: ranges, choices, conditions, and what means nothing."""

import optuna
import pytest

from kerasfuse import zoo
from kerasfuse.recipes.search import space as spaces


def drawn(space, count=60, default=lambda name: None):
    """Return what several trials choose."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    parameters = spaces.parse(space)
    return [spaces.settings(parameters, study.ask(), default) for _ in range(count)]


def test_ranges_keep_their_kind_and_their_bounds():
    found = drawn(
        {
            "whole": {"low": 1, "high": 3},
            "even": {"low": 2, "high": 8, "step": 2},
            "real": {"low": 0, "high": 1.0},
            "log": {"low": 1e-4, "high": 1e-1, "log": True},
        }
    )
    assert {each["whole"] for each in found} == {1, 2, 3}
    assert {each["even"] for each in found} == {2, 4, 6, 8}
    assert all(isinstance(each["real"], float) and 0 <= each["real"] <= 1 for each in found)
    # Half of the draws are below the middle of the logarithms.
    below = sum(each["log"] < 10**-2.5 for each in found)
    assert 15 < below < 45 and all(1e-4 <= each["log"] <= 1e-1 for each in found)


def test_choices_are_anything_that_toml_has():
    values = ["mean", 3, 2.5, True, [1, 2], {"text": 4}]
    found = drawn({"choice": {"choices": values}})
    assert all(any(each["choice"] == value for value in values) for each in found)
    assert [1, 2] in [each["choice"] for each in found]


def test_an_argument_counts_only_where_its_condition_holds():
    space = {
        "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
        "optimizer": {"choices": ["sgd", "adam"]},
    }
    found = drawn(space)
    assert {each["optimizer"] for each in found} == {"sgd", "adam"}
    assert all(("momentum" in each) == (each["optimizer"] == "sgd") for each in found)
    fixed = {"momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}}}
    assert all(drawn(fixed, 3, {"optimizer": "sgd"}.get))
    assert not any(drawn(fixed, 3, {"optimizer": "adam"}.get))


def test_a_table_within_a_table_is_a_name_with_a_dot():
    (parameter,) = spaces.parse({"model": {"dim": {"low": 1, "high": 2}}})
    assert parameter.name == "model.dim"


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "with an argument to search over"),
        ({"a": 3}, "expected a table for a"),
        ({"a": {}}, "choices, or with numbers low and high"),
        ({"a": {"low": 1}}, "high=None"),
        ({"a": {"low": 2, "high": 1}}, "a.low <= a.high"),
        ({"a": {"low": 0, "high": 1, "log": True}}, "log = true only with low > 0"),
        ({"a": {"low": 1, "high": 9, "log": True, "step": 2}}, "without a step"),
        ({"a": {"low": 1, "high": 9, "step": 0}}, "a.step to be a whole number above 0"),
        ({"a": {"low": 1, "high": 9, "step": 0.5}}, "a.step to be a whole number above 0"),
        ({"a": {"low": 1, "high": 9, "log": "yes"}}, "a.log to be true or false"),
        ({"a": {"low": float("nan"), "high": 9}}, "low=nan"),
        ({"a": {"low": 1, "high": 9, "when": 3}}, "a.when to be a table"),
        ({"a": {"choices": [{1}]}}, "a.choices to be numbers, words"),
        ({"a": {"low": "x", "high": 9}}, "low='x'"),
        ({"a": {"choices": []}}, "a list with a value"),
        ({"a": {"choices": [1], "low": 0}}, "no range beside it"),
        ({"a": {"lwo": 1, "high": 2}}, "key of a='lwo'. Nearest: low"),
        (
            {"a": {"choices": [1, 2]}, "b": {"low": 0, "high": 1, "when": {"a": 3}}},
            "b.when to be a value that a can have",
        ),
        (
            {
                "a": {"choices": [1], "when": {"b": 1}},
                "b": {"choices": [1], "when": {"a": 1}},
            },
            "conditions that do not wait for each other",
        ),
    ],
)
def test_spaces_that_mean_nothing_are_told(space, message):
    with pytest.raises(ValueError, match=message):
        spaces.parse(space)


def test_every_entry_has_a_space_of_its_own():
    for name in zoo.names():
        entry = zoo.entry(name)
        parameters = spaces.parse(spaces.default_space(entry))
        assert "learning_rate" in [parameter.name for parameter in parameters], name
        for parameter in parameters:
            for value in parameter.extremes:
                entry.override({parameter.name: value})  # raises where it does not fit


def test_names_of_many_parts_are_refused_in_a_sentence():
    space = {"low": 1}
    for _ in range(2000):
        space = {"a": space}
    with pytest.raises(ValueError, match="expected tables within at most 8 others"):
        spaces.parse(space)
