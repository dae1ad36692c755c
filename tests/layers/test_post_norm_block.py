"""A post-norm block against numpy in float64, with its dropouts, and PyTorch's own layer."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import backend, layers

HEADS, WIDTH, INNER = 2, 8, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, WIDTH))
MASK = np.ones((3, 5), bool)
MASK[0, :2] = MASK[1, 3:] = MASK[2, 2] = False
PARTS = ("query", "key", "value", "output")


def array(x):
    return ops.convert_to_numpy(x).astype("float64")


def block(**kwargs):
    layer = layers.PostNormBlock(HEADS, INNER, **kwargs)
    layer.build((None, None, WIDTH))
    random = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(array(variable) + 0.2 * random.normal(size=variable.shape))
    return layer


def linear(dense, x):
    return x @ array(dense.kernel) + array(dense.bias)


def normalise(layer, x):
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return scaled * array(layer.gamma) + array(layer.beta)


def oracle(layer, x, mask, activation, scores=1.0, added=1.0, inside=1.0):
    """The formula for one sample; the factors stand where dropout does."""
    q, k, v = (linear(getattr(layer.attention, f"{part}_projection"), x) for part in PARTS[:3])
    heads = []
    for head in range(HEADS):
        part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
        weights = np.exp(q[:, part] @ k[mask][:, part].T / math.sqrt(WIDTH / HEADS))
        weights = scores * weights / weights.sum(axis=1, keepdims=True)
        heads.append(weights @ v[mask][:, part])
    attended = linear(layer.attention.output_projection, np.concatenate(heads, axis=1))
    x = normalise(layer.norms[0], x + added * attended)
    inner = inside * activation(linear(layer.inner, x))
    return normalise(layer.norms[1], x + added * linear(layer.outer, inner))


def relu(x):
    return np.maximum(x, 0.0)


def gelu(x):
    return 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


@pytest.mark.parametrize(("name", "activation"), [("relu", relu), ("gelu", gelu)])
def test_the_block_is_its_formula(name, activation):
    layer = block(activation=name, dropout=0.5)
    found = array(layer(np.float32(X), mask=MASK))
    for sample in range(3):
        expected = oracle(layer, X[sample], MASK[sample], activation)
        np.testing.assert_allclose(found[sample], expected, atol=1e-5)


def test_dropout_has_its_four_places(monkeypatch):
    # In place of random zeros, a factor: one for each place.
    factors = iter([0.3, 0.5, 0.7, 0.5])
    monkeypatch.setattr(backend, "dropout", lambda x, rate, seed: x * next(factors))
    layer = block(dropout=0.5)
    found = array(layer(np.float32(X), mask=MASK, training=True))
    for sample in range(3):
        expected = oracle(layer, X[sample], MASK[sample], relu, scores=0.3, added=0.5, inside=0.7)
        np.testing.assert_allclose(found[sample], expected, atol=1e-5)
    assert next(factors, None) is None


@pytest.mark.skipif(keras.config.backend() != "torch", reason="PyTorch's layer, on PyTorch")
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_block_is_that_of_pytorch(activation):
    import torch

    theirs = torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, INNER, activation=activation, batch_first=True, dtype=torch.float64
    ).eval()
    ours = block(activation=activation)
    attention = ours.attention
    projections = [getattr(attention, f"{part}_projection") for part in PARTS]
    with torch.no_grad():
        for target, sources in (
            (theirs.self_attn.in_proj_weight, [p.kernel for p in projections[:3]]),
            (theirs.self_attn.in_proj_bias, [p.bias for p in projections[:3]]),
            (theirs.self_attn.out_proj.weight, [attention.output_projection.kernel]),
            (theirs.self_attn.out_proj.bias, [attention.output_projection.bias]),
            (theirs.linear1.weight, [ours.inner.kernel]),
            (theirs.linear1.bias, [ours.inner.bias]),
            (theirs.linear2.weight, [ours.outer.kernel]),
            (theirs.linear2.bias, [ours.outer.bias]),
            (theirs.norm1.weight, [ours.norms[0].gamma]),
            (theirs.norm1.bias, [ours.norms[0].beta]),
            (theirs.norm2.weight, [ours.norms[1].gamma]),
            (theirs.norm2.bias, [ours.norms[1].beta]),
        ):
            target.copy_(torch.tensor(np.concatenate([array(x).T for x in sources])))
        expected = theirs(torch.tensor(X), src_key_padding_mask=torch.tensor(~MASK)).numpy()
    found = array(ours(np.float32(X), mask=MASK))
    np.testing.assert_allclose(found[MASK], expected[MASK], atol=1e-5)
    assert ours.count_params() == sum(p.numel() for p in theirs.parameters())


def test_heads_that_do_not_divide_the_width_are_told():
    with pytest.raises(ValueError, match="num_heads=3, width 8"):
        layers.PostNormBlock(3, INNER)(ops.zeros((1, 2, WIDTH)))
