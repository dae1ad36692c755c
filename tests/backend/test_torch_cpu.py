import keras
import numpy as np
import pytest
import torch

from kerasfuse import backend
from kerasfuse.backend import torch_cpu
from kerasfuse.layers import Dropout


def inputs(query_size=1.0, width=4, dtype=torch.float64):
    rng = np.random.default_rng(0)
    query = query_size * rng.normal(size=(3, 5, 2, width))
    key, value = rng.normal(size=(2, 3, 7, 2, width))
    mask = np.ones((3, 1, 1, 7), bool)
    mask[0, ..., 4:] = mask[1, ..., :2] = False
    tensors = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in (query, key, value)]
    return tensors, torch.tensor(mask)


def oracle(query, key, value, mask):
    """Attention and nothing else, float64."""
    query, key, value, mask = (x.detach().numpy() for x in (query, key, value, mask))
    logits = np.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(query.shape[-1])
    logits = np.where(mask, logits, -np.inf)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(-1, keepdims=True), value)


# Scores that 2^x holds as they are and scores that it does not; all at once, by head, by row.
@pytest.mark.parametrize("query_size", [1.0, 1000.0])
@pytest.mark.parametrize("block_entries", [2**21, 2 * 5 * 7, 2 * 7, 1])
# Fewer channels than a product wants rows, as many, and more.
@pytest.mark.parametrize("width", [4, 8, 11])
def test_narrow_attention_equals_the_oracle(monkeypatch, query_size, block_entries, width):
    monkeypatch.setattr(torch_cpu, "BLOCK_ENTRIES", block_entries)
    tensors, mask = inputs(query_size, width)
    attended = torch_cpu.narrow_attention(*tensors, mask)
    np.testing.assert_allclose(attended.detach(), oracle(*tensors, mask), atol=1e-12)
    unmasked = torch.ones_like(mask)
    attended = torch_cpu.narrow_attention(*tensors)
    np.testing.assert_allclose(attended.detach(), oracle(*tensors, unmasked), atol=1e-12)


@pytest.mark.parametrize("query_size", [1.0, 100.0])
@pytest.mark.parametrize("block_entries", [2**21, 2 * 7])
@pytest.mark.parametrize("width", [4, 9])
def test_the_gradient_of_narrow_attention_is_that_of_central_differences(
    monkeypatch, query_size, block_entries, width
):
    monkeypatch.setattr(torch_cpu, "BLOCK_ENTRIES", block_entries)
    tensors, mask = inputs(query_size, width)
    assert torch.autograd.gradcheck(lambda *x: torch_cpu.narrow_attention(*x, mask), tensors)


def test_a_sample_without_a_valid_key_gets_nothing():
    tensors, mask = inputs(dtype=torch.float32)
    mask[1] = False
    attended = torch_cpu.narrow_attention(*tensors, mask)
    attended.sum().backward()
    assert not attended[1].any() and attended[0].any()
    for x in tensors:
        assert torch.isfinite(x.grad).all() and not x.grad[1].any()


@pytest.fixture
def slow_kernel(monkeypatch):
    """Let this be a processor on which the fused kernel is slow."""
    monkeypatch.setattr(torch_cpu, "fused_kernel_is_fast", lambda: False)


def test_it_runs_for_narrow_heads_and_masks_of_keys_alone(slow_kernel, monkeypatch):
    (query, key, _), mask = inputs(dtype=torch.float32)
    wide = torch.zeros(1, 1, 1, torch_cpu.NARROW + 1)
    assert not torch_cpu.runs_narrow_attention(query, key, mask)  # too few scores
    monkeypatch.setattr(torch_cpu, "FEWEST_SCORES", 1)
    assert torch_cpu.runs_narrow_attention(query, key, mask)
    assert torch_cpu.runs_narrow_attention(query, key, None)
    assert not torch_cpu.runs_narrow_attention(query, key, mask.expand(3, 1, 5, 7))
    assert not torch_cpu.runs_narrow_attention(query.to(torch.bfloat16), key, mask)
    assert not torch_cpu.runs_narrow_attention(wide, wide, None)
    monkeypatch.setattr(torch_cpu, "fused_kernel_is_fast", lambda: True)
    assert not torch_cpu.runs_narrow_attention(query, key, mask)


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("width", [4, 5, 16])
def test_either_way_attention_is_the_oracle_s(slow_kernel, monkeypatch, narrow, width):
    monkeypatch.setattr(torch_cpu, "FEWEST_SCORES", 1 if narrow else 2**40)
    tensors, mask = inputs(1.0, width, torch.float32)
    key_mask = mask[:, 0, 0]
    assert key_mask.any(-1).all() and not key_mask.all()
    attended = backend.fused_attention(*tensors, mask, key_mask)
    np.testing.assert_allclose(attended.detach(), oracle(*tensors, mask), atol=1e-5)
    attended.square().sum().backward()
    wanted = [x.detach().double().requires_grad_() for x in tensors]
    torch_cpu.narrow_attention(*wanted, mask).square().sum().backward()
    for x, exact in zip(tensors, wanted, strict=True):
        np.testing.assert_allclose(x.grad, exact.grad, atol=1e-4)


def test_a_kernel_is_fast_by_the_processor_alone(monkeypatch):
    torch_cpu.fused_kernel_is_fast.cache_clear()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    try:
        assert not torch_cpu.fused_kernel_is_fast()
        torch_cpu.fused_kernel_is_fast.cache_clear()
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        for vendor, fast in (("GenuineIntel", True), ("AuthenticAMD", False)):
            torch_cpu.fused_kernel_is_fast.cache_clear()
            monkeypatch.setattr(torch_cpu, "_vendor", lambda vendor=vendor: vendor)
            assert torch_cpu.fused_kernel_is_fast() == fast
    finally:
        torch_cpu.fused_kernel_is_fast.cache_clear()


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.9])
def test_dropout_keeps_the_mean_and_drops_its_rate(rate):
    torch.manual_seed(0)
    dropped = torch_cpu.dropout(torch.ones(1001, 999), rate)
    # Five standard errors of a share over a million entries.
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=5e-4 * 5)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate), rtol=1e-3)
    assert dropped.mean().item() == pytest.approx(1.0, rel=0.02)
    neighbours = (dropped[:, 1:] == 0) & (dropped[:, :-1] == 0)
    assert neighbours.float().mean().item() == pytest.approx(rate**2, abs=5e-4 * 5)


def test_dropout_sends_gradient_through_what_is_kept():
    x = torch.ones(1000, requires_grad=True)
    dropped = torch_cpu.dropout(x, 0.5)
    dropped.sum().backward()
    np.testing.assert_array_equal(x.grad, dropped.detach())


def test_dropout_of_everything_is_zero_and_a_seed_repeats_it():
    x = torch.ones(100, dtype=torch.bfloat16)
    assert not torch_cpu.dropout(x, 1.0).any()
    assert torch_cpu.dropout(x, 0.5).dtype == x.dtype
    drops = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        drops.append(Dropout(0.5)(x, training=True))
    assert torch.equal(drops[0], drops[1]) and not torch.equal(drops[0], drops[2])
