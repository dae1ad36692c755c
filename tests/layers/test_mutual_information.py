"""MMIM's three losses against numpy in float64, and where their gradients go."""

import keras
import numpy as np
from keras import ops

from kerasfuse.layers import ClassEntropy, ContrastivePrediction, GaussianLikelihood
from kerasfuse.ops.class_entropy import two_class_entropy

RNG = np.random.default_rng(0)
X, Y = (RNG.normal(size=(5, width)).astype("float32") for width in (4, 3))


def array(x):
    return ops.convert_to_numpy(x)


def tensors(*arrays):
    return [ops.convert_to_tensor(x) for x in arrays]


def dense(x, kernel, bias):
    return x @ array(kernel).astype("float64") + array(bias)


def test_the_likelihood_is_that_of_a_gaussian():
    layer = GaussianLikelihood(hidden_units=6, weight=0.5)
    x, y = tensors(X, Y)
    layer(x, x=x, y=y, training=True)
    mean, log_variance = (
        dense(np.tanh(dense(X, *layer.networks[name][:2])), *layer.networks[name][2:])
        for name in ("mean", "log_variance")
    )
    density = -0.5 * ((Y - mean) ** 2 / np.exp(log_variance) + log_variance)
    wanted = -0.5 * density.sum(1).mean()
    np.testing.assert_allclose(array(layer.losses[0]), wanted, rtol=1e-5)
    layer(x, x=x, y=y, training=False)
    assert layer.losses == []


def test_the_networks_learn_at_full_speed_and_the_rest_at_its_weight():
    moved = []
    for weight in (1.0, 0.25):
        keras.utils.set_random_seed(0)
        x, y = keras.Input((4,)), keras.Input((3,))
        encoded = keras.layers.Dense(4, name="encode")(x)
        z = GaussianLikelihood(6, weight, name="tell")(encoded, x=encoded, y=y)
        model = keras.Model([x, y], z)
        model.compile(keras.optimizers.SGD(1.0), lambda y, z: 0.0 * ops.sum(z))
        before = {v.path: array(v).copy() for v in model.trainable_variables}
        model.train_on_batch([X, Y], X)
        moved.append({v.path: array(v) - before[v.path] for v in model.trainable_variables})
    for path, change in moved[0].items():
        share = 0.25 if path.startswith("encode") else 1.0
        assert np.abs(change).max() > 1e-4
        np.testing.assert_allclose(moved[1][path], share * change, atol=1e-5)


def test_the_contrast_is_the_cross_entropy_of_the_own_sample():
    layer = ContrastivePrediction(weight=2.0)
    x, z = tensors(X, Y)
    layer(x, x=x, z=z, training=True)
    predicted = dense(Y, layer.predict.kernel, layer.predict.bias)
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (X.astype("float64"), predicted)]
    scores = unit[0] @ unit[1].T
    wanted = 2.0 * np.mean(np.log(np.exp(scores).sum(1)) - np.diag(scores))
    np.testing.assert_allclose(array(layer.losses[0]), wanted, rtol=1e-5)


def test_the_entropy_sees_the_samples_before():
    layer = ClassEntropy(units=3, memory_size=7)
    labels = RNG.normal(size=(3, 5, 1)).astype("float32")
    seen = []
    for step in range(3):
        x = RNG.normal(size=(5, 4)).astype("float32")
        layer(*tensors(x), x=ops.convert_to_tensor(x), training=True)
        assert layer.awaits_labels
        got = array(layer.label_loss(ops.convert_to_tensor(labels[step])))
        said = np.tanh(dense(x, layer.project.kernel, layer.project.bias))
        seen.insert(0, (said, labels[step]))
        # The batch, and the seven samples before it.
        said, known = (np.concatenate(part)[: 5 + 7] for part in zip(*seen, strict=True))
        wanted = -array(two_class_entropy(*tensors(said.astype("float32"), known)))
        np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_labels_of_one_class_are_no_trouble():
    layer = ClassEntropy(units=3)
    for sign in (0.0, 1.0, -1.0):
        layer(*tensors(X), x=ops.convert_to_tensor(X), training=True)
        loss = layer.label_loss(ops.convert_to_tensor(np.full((5, 1), sign, "float32")))
        assert np.isfinite(array(loss)).all()
