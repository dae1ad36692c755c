"""What a benchmark says of two sides that took turns."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import turns  # noqa: E402


def test_the_speed_up_is_the_median_of_neighbouring_turns():
    # The machine slows down tenfold half-way; the second side is always twice as fast, once thrice.
    seconds = np.array([[2.0, 1.0], [2.0, 1.0], [20.0, 10.0], [20.0, 10.0], [30.0, 10.0]])
    found = turns.speed_up(seconds, batch=10, goal=2.0)
    assert found["speed_up"] == 2.0 and found["pairs"] == 5 and found["goal"] == "2: met"
    assert found["reference_speed"] == pytest.approx(10 / 20)
    assert found["candidate_speed"] == pytest.approx(10 / 10)
    assert turns.speed_up(seconds, 10, goal=2.5)["goal"] == "2.5: missed"
    assert turns.speed_up(seconds, 10)["goal"] is None


def test_the_cost_is_that_of_the_second_side():
    seconds = np.array([[1.0, 1.5], [10.0, 15.0], [1.0, 3.0]])
    found = turns.cost(seconds, most=1.5)
    assert found["cost"] == 1.5 and found["goal"] == "at most 1.5: met"
    assert found["reference_milliseconds"] == 1000 and found["candidate_milliseconds"] == 3000
    assert turns.cost(seconds, most=1.4)["goal"] == "at most 1.4: missed"
