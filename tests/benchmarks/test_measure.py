"""What a benchmark says of two sides that took turns."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import measure  # noqa: E402


def test_the_speed_up_is_the_median_of_neighbouring_turns():
    # The machine slows down tenfold half-way; the second side is always twice as fast, once thrice.
    seconds = np.array([[2.0, 1.0], [2.0, 1.0], [20.0, 10.0], [20.0, 10.0], [30.0, 10.0]])
    found = measure.speed_up(seconds, batch=10, goal=2.0)
    assert found["speed_up"] == 2.0 and found["pairs"] == 5 and found["goal"] == "2: met"
    assert found["reference_speed"] == pytest.approx(10 / 20)
    assert found["candidate_speed"] == pytest.approx(10 / 10)
    assert measure.speed_up(seconds, 10, goal=2.5)["goal"] == "2.5: missed"
    assert measure.speed_up(seconds, 10)["goal"] is None
