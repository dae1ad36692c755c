"""The stack of LSTMs against numpy in float64, padding anywhere, cells included."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import backend
from kerasfuse.layers import MaskedLSTM

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 6, 3)).astype("float32")
MASK = np.ones((5, 6), bool)
MASK[0, :2] = MASK[1, 4:] = MASK[2, [1, 3]] = MASK[3] = False


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def oracle(x, mask, weights):
    """Run each sample by itself, skipping in place; return the states, and the cells carried."""
    states = np.zeros((*x.shape[:2], weights[-1][1].shape[0]))
    cells = np.zeros_like(states)
    for sample, real in enumerate(mask):
        steps = x[sample].astype("float64")
        for kernel, recurrent, bias in weights:
            h = c = np.zeros(recurrent.shape[0])
            said, kept = [], []
            for step, is_real in zip(steps, real, strict=True):
                if is_real:
                    i, f, g, o = np.split(step @ kernel + h @ recurrent + bias, 4)
                    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                    h = sigmoid(o) * np.tanh(c)
                said.append(h * is_real)
                kept.append(c)
            steps = np.array(said)
        states[sample], cells[sample] = said, kept
    return states, cells


def weights(layer):
    arrays = [ops.convert_to_numpy(w).astype("float64") for w in layer.weights]
    return list(zip(arrays[::3], arrays[1::3], arrays[2::3], strict=True))


def made(**options):
    layer = MaskedLSTM(4, **options)
    layer.build((None, None, 3))
    for weight in layer.weights:
        weight.assign(0.5 * RNG.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize("mask", [MASK, None], ids=["masked", "whole"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_outputs_and_cells_are_those_of_the_equations(mask, num_layers):
    layer = made(num_layers=num_layers)
    outputs, cells = (ops.convert_to_numpy(x) for x in layer(X, mask=mask, return_cells=True))
    states, kept = oracle(X, np.ones_like(MASK) if mask is None else mask, weights(layer))
    np.testing.assert_allclose(outputs, states, atol=1e-6)
    np.testing.assert_allclose(cells, kept, atol=1e-5)
    assert ops.convert_to_numpy(layer(X, mask=mask)).tolist() == outputs.tolist()


def test_backwards_is_the_other_way_round():
    layer = made(backwards=True)
    outputs = ops.convert_to_numpy(layer(X, mask=MASK))
    wanted, _ = oracle(X[:, ::-1], MASK[:, ::-1], weights(layer))
    np.testing.assert_allclose(outputs, wanted[:, ::-1], atol=1e-6)
    with pytest.raises(ValueError, match="reads forwards"):
        layer(X, mask=MASK, return_cells=True)


def test_gradients_are_those_of_kerass_own_layers(monkeypatch):
    inputs, mask = keras.Input((6, 3)), keras.Input((6,), dtype="bool")
    layer = made(num_layers=2)
    outputs, cells = layer(inputs, mask=mask, return_cells=True)
    model = keras.Model([inputs, mask], keras.layers.Concatenate()([outputs, cells]))
    model.compile(keras.optimizers.SGD(1.0), "mse")
    before, targets = model.get_weights(), RNG.normal(size=(5, 6, 8))

    def after():
        model.set_weights(before)
        model.train_on_batch([X, MASK], targets)
        return model.get_weights()

    fast = after()

    def plain(x, mask, layers):
        for lstm in layers:
            x = lstm(x, mask=mask)
        return x * ops.cast(mask, x.dtype)[:, :, None]

    monkeypatch.setattr(backend, "masked_recurrence", plain)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    for one, other, start in zip(fast, after(), before, strict=True):
        assert np.abs(one - start).max() > 1e-4
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_parameters_are_four_times_what_each_gate_reads():
    layer = MaskedLSTM(40, num_layers=2)
    layer.build((None, None, 30))
    assert layer.count_params() == 4 * 40 * (30 + 40 + 1) + 4 * 40 * (40 + 40 + 1)
