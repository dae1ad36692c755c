"""Attention as a way to read a sequence, against numpy in float64."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import layers
from kerasfuse.layers.sequence.masked_pooling import MODES

X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
QUERY = np.array([0.5, -1.0, 2.0, 0.0])


def array(x):
    return keras.ops.convert_to_numpy(x)


def pooling(query=QUERY):
    layer = layers.MaskedPooling("attention")
    layer.build(X.shape)
    layer.query.assign(query)
    return layer


def oracle(x, mask, query=QUERY):
    scores = np.where(mask, x.astype("float64") @ query, -np.inf)
    weights = np.exp(scores - np.max(scores, axis=1, keepdims=True, initial=-1e9)) * mask
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)
    return weights, np.einsum("bt,btd->bd", weights, x)


def test_attention_is_a_softmax_over_the_real_steps():
    weights, vectors = oracle(X, MASK)
    np.testing.assert_allclose(array(pooling().attention(X, MASK)), weights, atol=1e-6)
    np.testing.assert_allclose(array(pooling()(X, mask=MASK)), vectors, atol=1e-5)
    everywhere = np.ones_like(MASK)
    np.testing.assert_allclose(array(pooling()(X)), oracle(X, everywhere)[1], atol=1e-5)


def test_attention_starts_as_the_mean():
    layer = layers.MaskedPooling("attention")
    mean = layers.MaskedPooling("mean")(X, mask=MASK)
    np.testing.assert_allclose(array(layer(X, mask=MASK)), array(mean), atol=1e-6)


def test_large_scores_do_not_overflow():
    found = array(pooling(QUERY * 1e4)(X, mask=MASK))
    chosen = np.where(MASK, X @ QUERY, -np.inf).argmax(axis=1)
    np.testing.assert_allclose(found[:2], X[[0, 1], chosen[:2]], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_attention_tells_what_each_step_counts(mode):
    layer = layers.MaskedPooling(mode)
    layer.build(X.shape)
    if mode == "attention":
        layer.query.assign(QUERY)
    weights = array(layer.attention(X, MASK))
    np.testing.assert_allclose(
        np.einsum("bt,btd->bd", weights, X), array(layer(X, mask=MASK)), atol=1e-5
    )


@pytest.mark.parametrize("mode", ["mean", "attention"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_summary_reads_its_whole_transformer(mode, causal):
    layer = layers.SelfAttentionSummary(2, 2, pooling=mode, causal=causal)
    found, attention = layer(X, mask=MASK, return_attention_scores=True)
    z = layer.positions(X, mask=MASK)
    for block in layer.blocks:
        z = block(z, source_mask=MASK)
    z = layer.norm(z)
    wanted = array(layer.last_step(z, mask=MASK))
    np.testing.assert_allclose(array(found), wanted, atol=1e-5)
    np.testing.assert_allclose(array(layer(X, mask=MASK)), wanted, atol=1e-5)
    sums = array(ops.sum(attention, axis=1))
    np.testing.assert_allclose(sums, [1, 1, 0], atol=1e-5)
    assert not array(attention)[~MASK].any()


@pytest.mark.parametrize("mode", ["mean", "attention"])
def test_a_bidirectional_summary_is_a_pooling_of_what_it_says(mode):
    layer = layers.BidirectionalLSTM(3, pooling=mode)
    sequence, summary = layer(X, mask=MASK)
    wanted = layer.pool(sequence, mask=MASK)
    np.testing.assert_allclose(array(summary), array(wanted), atol=1e-6)
    assert summary.shape == (3, 6)
