"""Modulation against numpy in float64."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import (
    coalition_coefficients,
    discrepancy_ratio,
    modulated_output,
    modulation_coefficients,
    shapley_values,
)
from kerasfuse.ops.shapley import coalitions

RNG = np.random.default_rng(0)


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def array(values):
    return ops.convert_to_numpy(values)


def ratio_oracle(errors):
    count = len(errors)
    gaps = [np.mean([errors[j] - errors[m] for j in range(count) if j != m]) for m in range(count)]
    return np.exp(gaps)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_ratio_compares_each_with_the_mean_of_the_others(count):
    errors = RNG.uniform(0, 3, count)
    wanted = ratio_oracle(errors)
    np.testing.assert_allclose(array(discrepancy_ratio(tensor(errors))), wanted, rtol=1e-5)
    assert np.argmax(wanted) == np.argmin(errors)


def test_the_ratio_of_wild_errors_is_finite():
    found = array(discrepancy_ratio(tensor([0.0, 1e20])))
    np.testing.assert_allclose(found, [1e8, 1e-8], rtol=1e-4)


def test_the_coefficients_slow_the_one_that_is_ahead():
    ratio, usual = np.array([3.0, 0.4, 1.0]), np.array([1.5, 0.4, 40.0])
    kappa = array(modulation_coefficients(tensor(ratio), tensor(usual), alpha=0.7, cap=10.0))
    np.testing.assert_allclose(kappa, np.exp(0.7 * np.minimum(usual - ratio, 10.0)), rtol=1e-5)
    assert kappa[0] < 1 and kappa[1] == 1 and kappa[2] == pytest.approx(np.exp(7.0), rel=1e-5)
    assert array(modulation_coefficients(tensor([1e8, 0.0]), 1.0, 2.5, 10.0))[0] == 0.0
    assert (array(modulation_coefficients(tensor(ratio), tensor(usual), 0.0, 10.0)) == 1).all()


@pytest.mark.parametrize("players", [["a", "b"], ["c", "a", "b"], list("dabc")])
def test_coefficients_of_coalitions_give_the_weighted_sum_of_shapley_values(players):
    outputs = {s: RNG.normal(size=5) for s in [*coalitions(players), frozenset(players)]}
    kappa = RNG.uniform(0, 3, len(players))
    found = coalition_coefficients(kappa, players)
    values = shapley_values({**outputs, frozenset(): np.zeros(5)})
    wanted = sum(k * values[m] for k, m in zip(kappa, players, strict=True))
    np.testing.assert_allclose(sum(found[s] * outputs[s] for s in outputs), wanted, atol=1e-12)
    assert set(found) == set(outputs)


@pytest.mark.parametrize("players", [["a", "b"], ["a", "b", "c"], list("abcd")])
@pytest.mark.parametrize("value", [1.0, 0.1, 1 / 3, 7.77])
def test_equal_weights_leave_the_whole_alone(players, value):
    found = coalition_coefficients(tensor([value] * len(players)), players)
    for members, coefficient in found.items():
        exact = np.float32(value) if len(members) == len(players) else 0.0
        assert array(coefficient) == exact


def test_the_modulated_output_has_the_value_of_the_joint_one():
    players = ["a", "b", "c"]
    outputs = {s: tensor(RNG.normal(size=(4, 2))) for s in [*coalitions(players), frozenset("abc")]}
    found = modulated_output(outputs, tensor([0.1, 5.0, 2.0]), players)
    np.testing.assert_array_equal(array(found), array(outputs[frozenset("abc")]))
