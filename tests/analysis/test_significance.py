"""The paired test against the textbook's formula, and where that is not defined."""

import math

import numpy as np
import pytest
from scipy import stats

from kerasfuse.analysis import paired_test


def test_agrees_with_the_textbook():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.8, 0.02, 5), rng.normal(0.79, 0.02, 5)
    d = a - b
    t = d.mean() / (d.std(ddof=1) / math.sqrt(5))
    found = paired_test(a, b)
    assert found.difference == pytest.approx(d.mean())
    assert found.sd == pytest.approx(d.std(ddof=1))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 4))
    assert found.n == 5
    assert paired_test(b, a).p_value == pytest.approx(found.p_value)


def test_one_pair_decides_nothing():
    found = paired_test([0.81], [0.80])
    assert found.difference == pytest.approx(0.01)
    assert math.isnan(found.sd) and math.isnan(found.p_value)
    assert found.n == 1


@pytest.mark.parametrize("offset, p_value", [(0.0, 1.0), (0.1, 0.0)])
def test_equal_differences_have_the_limit(offset, p_value):
    a = np.array([0.1, 0.2, 0.3, 0.7])
    found = paired_test(a + offset, a)  # equal but for the last bit
    assert found.difference == pytest.approx(offset)
    assert (found.sd, found.p_value, found.n) == (0.0, p_value, 4)


def test_small_differences_are_not_taken_for_equal():
    a = np.array([0.5, 0.5, 0.5])
    found = paired_test(a + np.array([1e-9, 2e-9, 4e-9]), a)
    assert found.sd > 0 and 0 < found.p_value < 1


@pytest.mark.parametrize(
    "a, b, words",
    [
        ([], [], "at least one"),
        ([1, 2], [1, 2, 3], r"a.shape=\(2,\), b.shape=\(3,\)"),
        ([[1, 2]], [[1, 2]], r"a.shape=\(1, 2\)"),
        ([1, math.nan], [1, 2], "finite results"),
    ],
)
def test_bad_input_is_refused(a, b, words):
    with pytest.raises(ValueError, match=words):
        paired_test(a, b)
