"""What messages show of a foreign value is short, printable, and takes no time."""

import numpy as np
import pytest

from kerasfuse.shown import shortened, shown


def deep():
    x = []
    for _ in range(100_000):
        x = [x]
    return x


def many_ways():
    x = ["a"]
    for _ in range(60):
        x = [x, x]
    return x


@pytest.mark.parametrize(
    "value",
    [
        "a" * 10**6,
        b"a" * 10**6,
        "\x1b[31m\ud800\n",
        list(range(10**6)),
        dict.fromkeys(range(10**6)),
        deep(),
        many_ways(),
        np.zeros(10**6),
        np.array([deep(), None], dtype=object),
        10**300,
    ],
    ids=lambda value: type(value).__name__,
)
def test_at_most_two_hundred_printable_characters(value):
    told = shown(value)
    assert 0 < len(told) <= 200 and told.isprintable()


@pytest.mark.parametrize("value", [1.5, "a'b", b"x", [1, 2], {"a": None}, (), True])
def test_what_is_short_is_shown_whole(value):
    assert shown(value) == repr(value)


def test_arrays_are_described():
    assert shown(np.zeros((3, 4))) == "an array of dtype float64, shape (3, 4)"
    assert shown(np.array([1, 2])) == "array([1, 2])"


def test_texts_are_cut():
    assert shortened("a" * 200) == "a" * 200
    assert shortened("a" * 201) == "a" * 197 + "..."
