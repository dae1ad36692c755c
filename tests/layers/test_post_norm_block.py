"""MISA's transformer layer and its encoder's last states against numpy in float64."""

import numpy as np
from keras import ops

from kerasfuse.layers import BidirectionalLSTM, PostNormBlock

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 6)).astype("float32")


def array(x):
    return ops.convert_to_numpy(x)


def test_the_block_is_the_first_transformers():
    layer = PostNormBlock(num_heads=2, feedforward_units=7)
    layer.build(X.shape)
    for weight in layer.weights:
        weight.assign(0.5 * RNG.normal(size=weight.shape))

    def dense(x, layer):
        return x @ array(layer.kernel).astype("float64") + array(layer.bias)

    def norm(x, layer):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * array(layer.gamma) + array(layer.beta)

    attention = layer.attention
    q, k, v = (
        dense(X, projection).reshape(3, 5, 2, 3)
        for projection in (
            attention.query_projection,
            attention.key_projection,
            attention.value_projection,
        )
    )
    weights = np.exp(np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(3.0))
    weights /= weights.sum(-1, keepdims=True)
    attended = np.einsum("bhqk,bkhd->bqhd", weights, v).reshape(3, 5, 6)
    x = norm(X + dense(attended, attention.output_projection), layer.norms[0])
    inner = dense(np.maximum(dense(x, layer.expand), 0), layer.contract)
    np.testing.assert_allclose(array(layer(X)), norm(x + inner, layer.norms[1]), atol=1e-4)


def test_the_summary_is_where_each_direction_has_read_everything():
    mask = np.ones((3, 5), bool)
    mask[0, :2] = mask[1, 3:] = mask[2] = False
    sequence, summary = (array(x) for x in BidirectionalLSTM(4)(X, mask=mask))
    assert summary[0].tolist() == [*sequence[0, 4, :4], *sequence[0, 2, 4:]]
    assert summary[1].tolist() == [*sequence[1, 2, :4], *sequence[1, 0, 4:]]
    assert np.abs(summary[2]).max() == 0.0
