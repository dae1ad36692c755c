"""Validation sees the average of the weights, and training never does."""

import keras
import numpy as np
import pytest

from kerasfuse.training.callbacks import AverageWeights

MOMENTUM = 0.75
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)).astype("float32"), RNG.normal(size=(12, 1)).astype("float32")
BATCH, EPOCHS, RATE = 4, 3, 0.05


class Seen(keras.callbacks.Callback):
    """Keep the weights of a model when an epoch ends, as callbacks do that save them."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(np.array(self.model.get_weights()[0]))


def fit(callbacks, momentum=MOMENTUM, clip=None):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.SGD(RATE, use_ema=momentum > 0, ema_momentum=momentum or 0.99)
    model.compile(optimizer, "mse")
    start = np.array(model.get_weights()[0], "float64")
    options = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    history = model.fit(X, Y, validation_data=(X, Y), callbacks=callbacks, **options)
    return model, start, history.history


def oracle(w):
    """Give weights and average after each epoch, in float64."""
    x, y, average, found = X.astype("float64"), Y.astype("float64"), None, []
    for _ in range(EPOCHS):
        for i in range(0, len(x), BATCH):
            rows = slice(i, i + BATCH)
            w = w - RATE * 2 / BATCH * x[rows].T @ (x[rows] @ w - y[rows])
            average = w if average is None else MOMENTUM * average + (1 - MOMENTUM) * w
        found.append((w, average))
    return found


def test_what_is_validated_and_kept_is_the_average_of_the_formula():
    seen, averaging = Seen(), AverageWeights()
    model, start, history = fit([seen, averaging])
    expected = oracle(start)
    for found, (_, average), score in zip(seen.weights, expected, history["val_loss"], strict=True):
        np.testing.assert_allclose(found, average, rtol=1e-5, atol=1e-6)
        error = np.mean((X.astype("float64") @ average - Y) ** 2)
        assert score == pytest.approx(error, rel=1e-5)
    # Keras leaves the average in a model whose training is over.
    assert not averaging.holds_average
    np.testing.assert_allclose(model.get_weights()[0], expected[-1][1], rtol=1e-5, atol=1e-6)


def test_training_goes_on_with_the_weights_themselves():
    _, start, averaged = fit([AverageWeights()])
    _, _, plain = fit([], momentum=0)
    assert averaged["loss"] == pytest.approx(plain["loss"], rel=1e-6)
    assert averaged["val_loss"] != pytest.approx(plain["val_loss"], rel=1e-3)
