"""The gate of MAG-BERT against numpy in float64."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import MultimodalAdaptationGate

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(3, 5, 6)).astype("float32")
SOURCES = [RNG.normal(size=(3, 5, width)).astype("float32") for width in (4, 2)]


@pytest.mark.parametrize("beta", [0.1, 1.0, 100.0])
def test_the_shift_is_the_papers(beta):
    layer = MultimodalAdaptationGate(beta)
    layer.build(Z.shape, [x.shape for x in SOURCES])
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))

    def array(x):
        return ops.convert_to_numpy(x).astype("float64")

    h = array(layer.bias)
    for x, gate, shift in zip(SOURCES, layer.gates, layer.shifts, strict=True):
        both = np.concatenate([x, Z], -1)
        g = np.maximum(both @ array(gate.kernel) + array(gate.bias), 0)
        h = h + g * (x @ array(shift.kernel))
    lengths = [np.linalg.norm(v, axis=-1, keepdims=True) for v in (Z, h)]
    moved = Z + np.minimum(beta * lengths[0] / lengths[1], 1.0) * h
    normed = moved - moved.mean(-1, keepdims=True)
    normed /= np.sqrt(moved.var(-1, keepdims=True) + 1e-5)
    wanted = normed * array(layer.norm.gamma) + array(layer.norm.beta)
    np.testing.assert_allclose(array(layer(Z, sources=SOURCES)), wanted, atol=1e-4)


def test_nothing_heard_or_seen_shifts_nothing():
    layer = MultimodalAdaptationGate()
    silent = [np.zeros_like(x) for x in SOURCES]
    got = ops.convert_to_numpy(layer(Z, sources=silent))
    wanted = (Z - Z.mean(-1, keepdims=True)) / np.sqrt(Z.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert np.isfinite(ops.convert_to_numpy(layer(0 * Z, sources=silent))).all()
    with pytest.raises(ValueError, match="beta=0"):
        MultimodalAdaptationGate(beta=0)
