"""Layers say the same on the ways of a processor, on those of a GPU and when watched."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import layers
from kerasfuse.layers.sublayer import run, watched_calls

torch = pytest.importorskip("torch")
if keras.config.backend() != "torch":
    pytest.skip("calls sublayers otherwise on PyTorch alone", allow_module_level=True)


def attend(make, *shapes):
    layer = make()
    layer.build(*shapes)
    random = np.random.default_rng(0)
    for variable in layer.weights:
        variable.assign(variable + 0.2 * random.normal(size=variable.shape))
    real = np.ones((3, shapes[-1][1]), bool)
    real[0, :2] = real[1] = False
    inputs = [torch.tensor(random.normal(size=s), dtype=torch.float32) for s in shapes]
    inputs = [x.requires_grad_() for x in inputs]

    def run():
        for leaf in [*inputs, *(v.value for v in layer.trainable_variables)]:
            leaf.grad = None
        name = "source_mask" if isinstance(layer, layers.CrossmodalBlock) else "mask"
        y = layer(*inputs, **{name: torch.tensor(real)})
        (y * torch.linspace(-1.0, 1.0, y.shape[-1])).sum().backward()
        leaves = [*inputs, *(v.value for v in layer.trainable_variables)]
        return [ops.convert_to_numpy(z) for z in (y, *(leaf.grad for leaf in leaves))]

    return run


@pytest.mark.parametrize(
    "make, shapes",
    [
        (lambda: layers.CrossmodalBlock(2), [(3, 5, 8), (3, 7, 8)]),
        (lambda: layers.CrossmodalBlock(2), [(3, 5, 8)]),
        (lambda: layers.SelfAttentionSummary(2, 2), [(3, 5, 8)]),
    ],
    ids=["two sequences", "one sequence", "a summary"],
)
def test_outputs_and_gradients_do_not_depend_on_the_way(make, shapes, request):
    run = attend(make, *shapes)
    expected = run()
    with watched_calls():
        watched = run()
    for y, e in zip(watched, expected, strict=True):
        # The norm of PyTorch, which Keras does not call, adds in another order.
        np.testing.assert_allclose(y, e, atol=2e-6)
    request.getfixturevalue("as_on_gpu")
    for y, e in zip(run(), expected, strict=True):
        # Other kernels add in another order.
        np.testing.assert_allclose(y, e, atol=2e-5)


def test_a_gate_says_the_same_on_the_way_of_a_gpu(request):
    gate, x = layers.MergeGate(), np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    expected = gate(list(x))
    request.getfixturevalue("as_on_gpu")
    np.testing.assert_allclose(gate(list(x)).detach(), expected.detach(), atol=1e-6)


def test_half_precision_stays_half(request):
    request.getfixturevalue("as_on_gpu")
    block = layers.CrossmodalBlock(2, dtype="mixed_bfloat16")
    x = torch.ones(2, 3, 8)
    y = block(x, x, source_mask=torch.ones(2, 3, dtype=torch.bool))
    assert y.dtype == torch.bfloat16


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"epsilon": 0.1},
        {"center": False},
        {"scale": False},
        {"axis": [1, 2]},
        {"dtype": "float64"},
    ],
)
def test_a_norm_is_what_keras_makes_of_it(settings):
    norm = keras.layers.LayerNormalization(**settings)
    norm.build((2, 3, 4))
    random = np.random.default_rng(0)
    for variable in norm.weights:
        variable.assign(random.normal(size=variable.shape))
    x = torch.tensor(random.normal(size=(2, 3, 4)), dtype=getattr(torch, norm.compute_dtype))
    np.testing.assert_allclose(
        run(norm, x).detach().numpy(), norm(x).detach().numpy(), rtol=1e-5, atol=1e-6
    )
