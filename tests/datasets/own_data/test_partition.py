"""Divisions: every sample once, shares kept, labels alike, groups together."""

import numpy as np
import pytest

from kerasfuse.datasets.own_data.partition import partition


def labels_of(kind, count=200):
    rng = np.random.default_rng(0)
    return {
        "classes": rng.choice(4, count, p=[0.6, 0.2, 0.15, 0.05]),
        "number": rng.normal(size=count),
        "labels": (rng.random((count, 3)) < [0.5, 0.2, 0.1]).astype(float),
        "numbers": rng.normal(size=(count, 3)),
    }[kind]


@pytest.mark.parametrize("kind", ["classes", "number", "labels", "numbers"])
@pytest.mark.parametrize("shares", [[0.7, 0.15, 0.15], [0.2] * 5])
def test_parts_have_their_shares_and_alike_labels(kind, shares):
    labels = labels_of(kind)
    part = partition(labels, shares)
    np.testing.assert_allclose(np.bincount(part) / 200, shares, atol=0.02)
    for i in range(len(shares)):
        inside = labels[part == i]
        if kind == "classes":
            found = np.bincount(inside, minlength=4) / np.bincount(labels)
            # Of the ten samples of the rarest class, at most one is astray.
            np.testing.assert_allclose(found, shares[i], atol=0.1)
        elif kind == "labels":
            np.testing.assert_allclose(inside.mean(axis=0), labels.mean(axis=0), atol=0.05)
        else:
            assert abs(inside.mean() - labels.mean()) < 0.25


def test_groups_stay_together():
    rng = np.random.default_rng(1)
    groups, labels = rng.choice(23, 200), labels_of("classes")
    part = partition(labels, [0.2] * 5, groups)
    for group in range(23):
        assert len(set(part[groups == group])) == 1
    assert np.bincount(part).min() > 25


def test_it_depends_on_nothing_but_the_samples_and_the_seed():
    labels = labels_of("number")
    assert np.array_equal(partition(labels, [0.5, 0.5]), partition(labels, [0.5, 0.5]))
    assert not np.array_equal(partition(labels, [0.5, 0.5]), partition(labels, [0.5, 0.5], seed=1))


def test_no_part_is_empty():
    part = partition(np.arange(4), [0.9, 0.05, 0.05])
    assert sorted(set(part.tolist())) == [0, 1, 2]
    with pytest.raises(ValueError, match="at least 3 groups.*Received: 2"):
        partition(np.arange(6), [0.4, 0.3, 0.3], ["a", "b"] * 3)
