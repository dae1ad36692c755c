"""What MFN and Graph-MFN do at each step, against a loop over the steps in float64."""

import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import DeltaMemoryAttention, DynamicFusionGraph, GatedMemory

RNG = np.random.default_rng(0)
MEMORIES = [RNG.normal(size=(3, 5, width)).astype("float32") for width in (2, 4, 3)]


def built(layer, shape):
    layer.build(shape)
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    return layer


def apply(dense, x, relu=False):
    y = x @ ops.convert_to_numpy(dense.kernel).astype("float64")
    y = y + ops.convert_to_numpy(dense.bias)
    return np.maximum(y, 0) if relu else y


def before(x, t):
    return x[:, t - 1].astype("float64") if t else np.zeros_like(x[:, 0], "float64")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_delta_memory_attention_weighs_memories_before_and_after():
    layer = built(DeltaMemoryAttention(6), [m.shape for m in MEMORIES])
    got = ops.convert_to_numpy(layer(MEMORIES))
    for t in range(5):
        both = np.concatenate([before(m, t) for m in MEMORIES] + [m[:, t] for m in MEMORIES], 1)
        logits = apply(layer.logits, apply(layer.hidden, both, relu=True))
        weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(got[:, t], weights * both, atol=1e-5)


@pytest.mark.parametrize("masked", [True, False])
def test_the_gated_memory_is_the_loop_over_its_steps(masked):
    x = RNG.normal(size=(3, 5, 4)).astype("float32")
    mask = np.ones((3, 5), bool)
    if masked:
        mask[0, :2] = mask[1, [1, 4]] = mask[2] = False
    layer = built(GatedMemory(units=3, hidden_units=6), x.shape)
    u = np.zeros((3, 3))
    for t in range(5):
        update, retain, add = (
            apply(layer.outer[name], apply(layer.hidden[name], x[:, t], relu=True))
            for name in ("update", "retain_gate", "update_gate")
        )
        new = sigmoid(retain) * u + sigmoid(add) * np.tanh(update)
        u = np.where(mask[:, t, None], new, u)
    got = ops.convert_to_numpy(layer(x, mask=mask if masked else None))
    np.testing.assert_allclose(got, u, atol=1e-5)


@pytest.mark.parametrize("efficacy", ["sigmoid", "linear"])
def test_the_fusion_graph_is_the_papers_vertex_by_vertex(efficacy):
    layer = built(DynamicFusionGraph(4, 6, efficacy), [m.shape for m in MEMORIES])
    fused, strengths = (ops.convert_to_numpy(x) for x in layer(MEMORIES))
    pairs = [(0, 1), (0, 2), (1, 2)]
    singles = [(0,), (1,), (2,)]
    for t in range(5):
        v = {
            (m,): apply(dense, np.concatenate([before(x, t), x[:, t]], 1), relu=True)
            for m, (dense, x) in enumerate(zip(layer.singles, MEMORIES, strict=True))
        }
        hidden = apply(layer.hidden, np.concatenate([v[s] for s in singles], 1), relu=True)
        e = apply(layer.strengths, hidden)
        e = sigmoid(e) if efficacy == "sigmoid" else e
        np.testing.assert_allclose(strengths[:, t], e, atol=1e-5)
        e = dict(zip(layer.edges, e.T[:, :, None], strict=True))
        vertices = dict(zip([*pairs, (0, 1, 2), None], layer.larger, strict=True))
        for (a, b), dense in list(vertices.items())[:3]:
            arriving = [e[(a,), (a, b)] * v[a,], e[(b,), (a, b)] * v[b,]]
            v[a, b] = apply(dense, np.concatenate(arriving, 1), relu=True)
        for target in ((0, 1, 2), None):
            sources = [*singles, *pairs, *([(0, 1, 2)] if target is None else [])]
            arriving = [e[s, target] * v[s] for s in sources]
            v[target] = apply(vertices[target], np.concatenate(arriving, 1), relu=True)
        np.testing.assert_allclose(fused[:, t], v[None], rtol=1e-4, atol=1e-4)


def test_three_modalities_have_nineteen_edges():
    layer = built(DynamicFusionGraph(4, 6), [m.shape for m in MEMORIES])
    assert len(layer.edges) == 19
    with pytest.raises(ValueError, match="efficacy"):
        DynamicFusionGraph(4, 6, efficacy="softmax")
