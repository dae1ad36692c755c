"""The entropy of two classes against numpy in float64, and what there is of one class."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.ops.class_entropy import RIDGE, two_class_entropy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 3))
LABELS = np.array([2.0, 1, 1, -1, -2, -1, -1, 0, 3])[:, None]


def entropy(x, labels, **options):
    x, labels = (ops.convert_to_tensor(z, "float32") for z in (x, labels))
    return float(ops.convert_to_numpy(two_class_entropy(x, labels, **options)))


def half(rows):
    covariance = np.cov(rows, rowvar=False, ddof=0) + RIDGE * np.eye(3)
    return 0.25 * np.linalg.slogdet(covariance)[1]


def test_the_entropy_is_that_of_two_gaussians():
    wanted = half(X[[0, 1, 2, 8]]) + half(X[3:7])
    assert entropy(X, LABELS) == pytest.approx(wanted, rel=1e-4)
    weights = ops.convert_to_tensor((np.arange(9) < 8)[:, None].astype("float32"))
    assert entropy(X, LABELS, weights=weights) == pytest.approx(
        half(X[:3]) + half(X[3:7]), rel=1e-4
    )
    assert entropy(X, LABELS, boundary=-1.5) == pytest.approx(half(np.delete(X, 4, 0)), rel=1e-4)


@pytest.mark.parametrize("labels", [LABELS * 0, np.abs(LABELS), -np.abs(LABELS)])
def test_a_class_without_samples_adds_nothing(labels):
    value = entropy(X, labels)
    assert value == pytest.approx(
        half(X[np.flatnonzero(labels)]) if labels.any() else 0.0, rel=1e-4
    )
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    model.compile(keras.optimizers.SGD(0.1), lambda y, x: two_class_entropy(x, y[:, :1]))
    model.train_on_batch(X, np.repeat(labels, 3, axis=1))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
