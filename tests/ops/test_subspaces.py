"""The discrepancy of moments and the overlap of subspaces against numpy in float64."""

import keras
import numpy as np
from keras import ops

from kerasfuse.ops.subspaces import central_moment_discrepancy, subspace_overlap

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(size=(7, 4)), RNG.uniform(size=(5, 4)) ** 2


def array(x):
    return ops.convert_to_numpy(x)


def tensors(*arrays):
    return [ops.convert_to_tensor(x, "float32") for x in arrays]


def test_the_discrepancy_is_that_of_five_moments():
    wanted = np.linalg.norm(X.mean(0) - Y.mean(0))
    for k in range(2, 6):
        moments = [((z - z.mean(0)) ** k).mean(0) for z in (X, Y)]
        wanted += np.linalg.norm(moments[0] - moments[1])
    got = [array(central_moment_discrepancy(*tensors(*pair))) for pair in ((X, Y), (Y, X), (X, X))]
    np.testing.assert_allclose(got, [wanted, wanted, 0.0], atol=1e-6)


def test_the_overlap_is_the_mean_square_of_the_correlations():
    def rows(z):
        z = z - z.mean(0)
        return z / np.linalg.norm(z, axis=1, keepdims=True)

    other = RNG.normal(size=(7, 3))
    wanted = ((rows(X).T @ rows(other)) ** 2).mean()
    np.testing.assert_allclose(array(subspace_overlap(*tensors(X, other))), wanted, rtol=1e-5)


def test_equal_sets_and_a_single_sample_have_finite_gradients():
    # The norm of 0, and a sample that centring leaves nothing of.
    for x in (X, X[:1]):
        inputs = keras.Input((4,))
        z = keras.layers.Dense(4, kernel_initializer="identity")(inputs)
        model = keras.Model(inputs, z)
        model.compile(
            keras.optimizers.SGD(1.0),
            lambda y, z: central_moment_discrepancy(y, z) + subspace_overlap(y, z),
        )
        model.train_on_batch(x, x)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
