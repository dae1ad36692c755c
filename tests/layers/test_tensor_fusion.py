"""The outer product of modalities, and its map of low rank, against numpy in float64."""

import functools

import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import LowRankFusion, TensorFusion

RNG = np.random.default_rng(0)
VECTORS = [RNG.normal(size=(4, width)).astype("float32") for width in (3, 2, 5)]


def outer(vectors):
    """The outer product of one sample's vectors, each with a 1, flattened."""
    ones = [np.append(v.astype("float64"), 1.0) for v in vectors]
    return functools.reduce(np.multiply.outer, ones).ravel()


@pytest.mark.parametrize("number", [2, 3])
def test_the_fused_tensor_is_the_outer_product(number):
    vectors = VECTORS[:number]
    got = ops.convert_to_numpy(TensorFusion()(vectors))
    wanted = [outer(sample) for sample in zip(*vectors, strict=True)]
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_a_modality_of_zeros_leaves_the_products_of_the_others():
    text, audio, vision = VECTORS
    fused = ops.convert_to_numpy(TensorFusion()([text, audio, np.zeros_like(vision)]))
    without = ops.convert_to_numpy(TensorFusion()([text, audio]))
    assert fused.reshape(4, -1, 6)[:, :, -1].tolist() == without.tolist()
    assert np.abs(fused.reshape(4, -1, 6)[:, :, :-1]).max() == 0.0


def test_low_rank_fusion_is_a_tensor_applied_to_the_outer_product():
    layer = LowRankFusion(units=2, rank=3)
    layer.build([v.shape for v in VECTORS])
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    factors = [ops.convert_to_numpy(f).astype("float64").reshape(-1, 3, 2) for f in layer.factors]
    terms = ops.convert_to_numpy(layer.weights_of_terms).astype("float64")
    # The whole tensor that the paper takes apart: (4, 3, 6) inputs by 2 outputs.
    tensor = np.einsum("r,iru,jru,kru->ijku", terms, *factors).reshape(-1, 2)
    wanted = np.stack([outer(sample) for sample in zip(*VECTORS, strict=True)]) @ tensor
    wanted += ops.convert_to_numpy(layer.bias)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(VECTORS)), wanted, atol=1e-4)


def test_parameters_of_low_rank_fusion_are_linear_in_the_modalities():
    counts = []
    for number in (2, 3, 4):
        layer = LowRankFusion(units=2, rank=3)
        layer.build([(None, 7)] * number)
        counts.append(layer.count_params())
    assert counts[0] == 2 * 8 * 3 * 2 + 3 + 2
    assert counts[2] - counts[1] == counts[1] - counts[0] == 8 * 3 * 2


def test_a_rank_is_at_least_one():
    with pytest.raises(ValueError, match="rank=0"):
        LowRankFusion(units=2, rank=0)
