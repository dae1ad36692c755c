"""Shapley values against the average over all orders of joining."""

from itertools import combinations, permutations

import numpy as np
import pytest
from keras import ops

from kerasfuse.ops import shapley_values

RNG = np.random.default_rng(0)


def game(players):
    sizes = range(len(players) + 1)
    return {frozenset(s): RNG.normal(size=5) for n in sizes for s in combinations(players, n)}


def oracle(v_of, players):
    values = dict.fromkeys(players, 0.0)
    orders = list(permutations(players))
    for order in orders:
        there = frozenset()
        for m in order:
            values[m] = values[m] + (v_of[there | {m}] - v_of[there]) / len(orders)
            there |= {m}
    return values


@pytest.mark.parametrize("players", [["a"], ["a", "b"], ["c", "a", "b"], list("dabc")])
def test_values_are_the_mean_over_all_orders(players):
    v_of = game(players)
    values, wanted = shapley_values(v_of), oracle(v_of, players)
    assert set(values) == set(players)
    for m in players:
        np.testing.assert_allclose(values[m], wanted[m], atol=1e-12)
    total = v_of[frozenset(players)] - v_of[frozenset()]
    np.testing.assert_allclose(sum(values.values()), total, atol=1e-12)


def test_tensors_do_too():
    v_of = game(["a", "b"])
    tensors = {s: ops.convert_to_tensor(v.astype("float32")) for s, v in v_of.items()}
    for m, value in shapley_values(tensors).items():
        np.testing.assert_allclose(ops.convert_to_numpy(value), shapley_values(v_of)[m], atol=1e-5)


def test_a_missing_subset_is_told():
    v_of = game(["a", "b"])
    del v_of[frozenset()]
    with pytest.raises(ValueError, match=r"all 4 subsets of \['a', 'b'\], the empty one too"):
        shapley_values(v_of)
