import numpy as np
import pytest
import torch

from kerasfuse.backend.torch_kernels import dense, dense_together, fused_attention


def inputs(width, dtype=torch.float32):
    rng = np.random.default_rng(0)
    query = torch.tensor(rng.normal(size=(3, 5, 2, width)), dtype=dtype)
    key, value = torch.tensor(rng.normal(size=(2, 3, 7, 2, width)), dtype=dtype)
    mask = torch.ones(3, 1, 1, 7, dtype=torch.bool)
    mask[0, ..., 4:] = mask[1, ..., :2] = False
    return query, key, value, mask


def oracle(query, key, value, mask):
    """Attention and nothing else, float64."""
    query, key, value = (x.double().numpy() for x in (query, key, value))
    logits = np.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(query.shape[-1])
    logits = np.where(mask, logits, -np.inf)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(-1, keepdims=True), value)


# Heads as wide as the kernels of a GPU take them, and others.
@pytest.mark.parametrize("width", [4, 5, 8, 10])
def test_it_is_attention(width):
    query, key, value, mask = inputs(width)
    causal = torch.ones(5, 7, dtype=torch.bool).tril(2)
    for each in (mask, mask & causal, causal[None, None]):
        found = fused_attention(query, key, value, each)
        # float32 against float64.
        np.testing.assert_allclose(found, oracle(query, key, value, each), atol=2e-6)
    of_keys = fused_attention(query, key, value, mask, mask[:, 0, 0])
    np.testing.assert_array_equal(of_keys, fused_attention(query, key, value, mask))
    found = fused_attention(query, key, value, None)
    np.testing.assert_allclose(found, oracle(query, key, value, torch.ones(7) > 0), atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_sample_without_a_valid_key_is_finite_and_so_is_its_gradient(dtype):
    query, key, value, mask = inputs(5, dtype)
    mask[1] = False
    query.requires_grad_()
    found = fused_attention(query, key, value, mask)
    assert found.dtype == dtype and found.isfinite().all()
    found.sum().backward()
    assert query.grad.isfinite().all()
    others = [x[[0, 2]] for x in (query.detach(), key, value, mask)]
    # bfloat16 keeps 8 bits.
    tolerance = 2e-6 if dtype == torch.float32 else 3e-2
    found = found[[0, 2]].detach().float()
    np.testing.assert_allclose(found, oracle(*others), atol=tolerance)


@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4), (2, 1, 3, 4)])
def test_products_are_those_of_the_definition_and_so_are_their_gradients(shape):
    rng = np.random.default_rng(0)
    x, *weights = (rng.normal(size=s).astype("float32") for s in (shape, *[(4, 5)] * 3, *[5] * 3))
    weighted = rng.normal(size=(3, *shape[:-1], 5)).astype("float32")

    def gradients(function):
        leaves = [torch.tensor(z, requires_grad=True) for z in (x, *weights)]
        found = function(leaves[0], leaves[1:4], leaves[4:])
        sum((y * torch.tensor(w)).sum() for y, w in zip(found, weighted, strict=True)).backward()
        return [y.detach() for y in found], [leaf.grad for leaf in leaves]

    def one_by_one(x, kernels, biases):
        return [dense(x, kernel, bias) for kernel, bias in zip(kernels, biases, strict=True)]

    x64, *w64 = (z.astype("float64") for z in (x, *weights))
    rows, by_row = x64.reshape(-1, 4), weighted.astype("float64").reshape(3, -1, 5)
    expected = [x64 @ w + b for w, b in zip(w64[:3], w64[3:], strict=True)]
    slopes = [sum(g @ w.T for g, w in zip(by_row, w64[:3], strict=True)).reshape(shape)]
    slopes += [*(rows.T @ g for g in by_row), *(g.sum(0) for g in by_row)]
    for function in (one_by_one, dense_together):
        found, pulls = gradients(function)
        for y, e in zip([*found, *pulls], [*expected, *slopes], strict=True):
            # float32 against float64.
            np.testing.assert_allclose(y, e, rtol=1e-5, atol=1e-5)
