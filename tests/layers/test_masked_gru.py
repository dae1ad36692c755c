"""The stack of GRUs against numpy in float64, padding anywhere."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import backend
from kerasfuse.layers import MaskedGRU

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 6, 3)).astype("float32")
MASK = np.ones((5, 6), bool)
MASK[0, :2] = MASK[1, 4:] = MASK[2, [1, 3]] = MASK[3] = False


def oracle(x, mask, kernels):
    """Run each sample by itself, over its real steps alone."""
    result = np.zeros((*x.shape[:2], kernels[-1][1].shape[0]))
    for sample, real in enumerate(mask):
        steps = x[sample, real].astype("float64")
        for kernel, recurrent in kernels:
            state, states = np.zeros(recurrent.shape[0]), []
            for step in steps:
                z, r, candidate = np.split(step @ kernel, 3)
                inner = np.split(state @ recurrent, 3)
                z, r = (1 / (1 + np.exp(-(a + b))) for a, b in zip((z, r), inner, strict=False))
                state = z * state + (1 - z) * np.tanh(candidate + r * inner[2])
                states.append(state)
            steps = np.array(states).reshape(-1, recurrent.shape[0])
        result[sample, real] = steps
    return result


def kernels(layer):
    weights = [ops.convert_to_numpy(w).astype("float64") for w in layer.weights]
    return list(zip(weights[::2], weights[1::2], strict=True))


@pytest.mark.parametrize("mask", [MASK, None], ids=["masked", "whole"])
def test_outputs_are_those_of_the_equations(mask):
    layer = MaskedGRU(4, num_layers=3)
    outputs = ops.convert_to_numpy(layer(X, mask=mask))
    wanted = oracle(X, np.ones_like(MASK) if mask is None else mask, kernels(layer))
    np.testing.assert_allclose(outputs, wanted, atol=1e-6)


def test_gradients_are_those_of_kerass_own_layers(monkeypatch):
    inputs, mask = keras.Input((6, 3)), keras.Input((6,), dtype="bool")
    layer = MaskedGRU(4, num_layers=2)
    model = keras.Model([inputs, mask], layer(inputs, mask=mask))
    model.compile(keras.optimizers.SGD(1.0), "mse")
    before, targets = model.get_weights(), RNG.normal(size=(5, 6, 4))

    def after():
        model.set_weights(before)
        model.train_on_batch([X, MASK], targets)
        return model.get_weights()

    fast = after()

    def plain(x, mask, layers):
        for gru in layers:
            x = gru(x, mask=mask)
        return x * ops.cast(mask, x.dtype)[:, :, None]

    monkeypatch.setattr(backend, "masked_recurrence", plain)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    for one, other, start in zip(fast, after(), before, strict=True):
        assert np.abs(one - start).max() > 1e-4
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_parameters_are_six_squares_a_layer():
    layer = MaskedGRU(40, num_layers=3)
    layer.build((None, None, 40))
    assert layer.count_params() == 3 * 6 * 40**2
