"""The proxy A-distance of vectors whose separability is known."""

import numpy as np
import pytest
from scipy.stats import norm

from kerasfuse.analysis import a_distance


def normal(shape, shift=0.0, seed=0):
    return np.random.default_rng(seed).normal(size=shape) + shift


def test_identical_distributions_are_near_zero():
    found = a_distance(normal((2000, 8)), normal((2000, 8), seed=1))
    assert 0.0 <= found < 0.15


def test_separable_distributions_are_two():
    assert a_distance(normal((300, 8)), normal((300, 8), 50.0, seed=1)) == 2.0


def test_overlapping_distributions_are_what_the_best_linear_classifier_gives():
    # Two unit normals 2 apart: the best error is P(z > 1).
    expected = 2 * (1 - 2 * norm.sf(1.0))
    found = a_distance(normal((2000, 1)), normal((2000, 1), 2.0, seed=1))
    assert found == pytest.approx(expected, abs=0.1)


def test_heads_are_averaged_or_joined():
    queries, keys = normal((400, 2, 3)), normal((400, 2, 3), seed=1)
    keys[:, 1] += 50.0
    first, second = (a_distance(queries[:, h], keys[:, h]) for h in range(2))
    assert a_distance(queries, keys) == pytest.approx((first + second) / 2)
    assert a_distance(queries, keys, heads="concat") == 2.0


def test_unequal_numbers_are_balanced():
    # Unbalanced, the majority alone would have an error of 0.1 and a distance of 1.6.
    assert a_distance(normal((1800, 4)), normal((200, 4), seed=1)) < 0.5


def test_scale_and_constant_features_do_not_matter():
    queries, keys = normal((400, 3)), normal((400, 3), 1.0, seed=1)
    scaled = [np.concatenate([1e6 * x, np.ones((400, 1))], axis=1) for x in (queries, keys)]
    assert a_distance(*scaled) == pytest.approx(a_distance(queries, keys), abs=1e-6)


def test_a_seed_makes_it_repeatable():
    queries, keys = normal((500, 3)), normal((500, 3), 0.5, seed=1)
    found = [a_distance(queries, keys, seed=seed) for seed in (3, 3, 4, 5)]
    assert found[0] == found[1] and len(set(found)) > 1


def test_no_more_vectors_are_read_than_asked_for():
    # 50 vectors are split into 25 to fit and 25 to test: an error is a count of 50.
    found = a_distance(normal((500, 3)), normal((500, 3), 0.5, seed=1), max_vectors=50)
    errors = (2 - found) / 4 * 50
    assert errors == pytest.approx(round(errors), abs=1e-9) and 10 < errors < 25


@pytest.mark.parametrize(
    "queries, keys, options, words",
    [
        (np.ones((9, 3)), np.ones((9, 4)), {}, "same shape.*Received: queries.shape=.9, 3."),
        (np.ones(9), np.ones(9), {}, "same shape"),
        (np.ones((9, 3)), np.ones((1, 3)), {}, "at least two vectors.*Received: 9 and 1"),
        (np.ones((9, 3)), np.full((9, 3), np.nan), {}, "finite"),
        (np.ones((9, 3)), np.ones((9, 3)), {"heads": "max"}, "'mean' or 'concat'.*'max'"),
    ],
)
def test_bad_input_is_refused(queries, keys, options, words):
    with pytest.raises(ValueError, match=words):
        a_distance(queries, keys, **options)
