"""What must hold on a GPU: training, fused attention, bounded memory, agreement with the CPU.

The conftest skips all of it where the running backend sees no GPU.
"""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import backend, training
from kerasfuse import ops as fuse_ops
from kerasfuse.datasets import Batches
from kerasfuse.layers import CrossmodalBlock, LeNet, MaskedGRU, MaskedLSTM, ResNet18
from kerasfuse.models import DAHB, HCTMG, LFLSTM, MICA, LateFusion, MulT
from kerasfuse.ops.confident_pairs import confident_pairs

pytestmark = pytest.mark.gpu

WIDTHS = {"text": 30, "audio": 5, "vision": 20}
STEPS = {"text": 20, "audio": 90, "vision": 70}
# Heads of 5: not a width that fused kernels take as it is.
SIZE = {"dim": 40, "num_heads": 8, "num_layers": 2}
WITHOUT_DROPOUT = {
    "embedding_dropout": 0.0,
    "residual_dropout": 0.0,
    "feedforward_dropout": 0.0,
}
MODELS = [(MulT, {}), (MICA, {"beta": 0.5, "tau": 0.25}), (MulT, {"alpha": 0.8, "beta": 0.5})]


def batch(size=8):
    rng = np.random.default_rng(0)
    inputs = {m: rng.normal(size=(size, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
    for x in inputs.values():
        x[0, :7] = 0.0
        x[1, -7:] = 0.0
    inputs["vision"][2] = 0.0
    return inputs, rng.normal(size=(size, 1)).astype("float32")


def torch_on_gpu():
    if keras.config.backend() != "torch":
        pytest.skip("reads PyTorch's own counters")
    import torch

    return torch


def peak_bytes(torch, function):
    """Return what `function` takes on the GPU at most, above what is there already."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("cls, kwargs", MODELS)
def test_trains_a_step(cls, kwargs, policy):
    keras.config.set_dtype_policy(policy)
    model = cls(WIDTHS, **SIZE, **kwargs)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=0.8), "mae")
    before = model.get_weights()
    logs = model.train_on_batch(*batch(), return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    moved = np.mean([np.any(a != b) for a, b in zip(before, after, strict=True)])
    # All but the biases of keys, one tensor in 16 of a block, whose gradient is 0 up to rounding.
    assert moved > 0.9
    assert np.isfinite(model.predict_on_batch(batch()[0])).all()


def test_a_step_reads_nothing_back():
    torch = torch_on_gpu()
    model = MICA(WIDTHS, beta=0.5, tau=0.25, **SIZE)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=0.8), "mae")
    inputs, y = batch()
    model.train_on_batch(inputs, y)
    inputs = {name: ops.convert_to_tensor(x) for name, x in inputs.items()}
    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CPU, kinds.CUDA]) as profile:
        model.train_step((inputs, ops.convert_to_tensor(y), None))
    assert not [e.name for e in profile.events() if e.name.startswith("Memcpy DtoH")]


def test_batches_are_copied_while_the_gpu_computes(monkeypatch):
    torch = torch_on_gpu()

    def losses():
        keras.utils.set_random_seed(0)
        model = LFLSTM(WIDTHS, dim=40)
        model.compile("adam", "mae")
        data = Batches(*batch(40), 8, shuffle=True)
        return model.fit(data, epochs=2, verbose=0, shuffle=False).history["loss"]

    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CPU, kinds.CUDA]) as profile:
        fed = losses()
    assert [e.name for e in profile.events() if e.name.startswith("Memcpy HtoD (Pinned")]
    monkeypatch.setattr(backend, "fed_in_fit", lambda x, arguments: (x, arguments))
    assert losses() == pytest.approx(fed, rel=1e-4)


def test_the_alignment_selects_what_sorting_does():
    rng = np.random.default_rng(0)
    q, k = (ops.convert_to_tensor(rng.normal(size=(3, 2, 70, 5)), "float32") for _ in range(2))
    real = np.ones((3, 70), bool)
    real[1, :20] = real[2] = False
    mask = ops.convert_to_tensor(real)
    for tau in (0.05, 0.3, 1.0):
        [margins] = confident_pairs(q, k, mask, mask, tau)
        margins = ops.convert_to_numpy(margins)
        counts = (margins > 0).sum((2, 3))
        assert (counts == np.floor(tau * real.sum(1) ** 2 + 1e-4)[:, None]).all()
        assert not (margins > 0)[~(real[:, None, :, None] & real[:, None, None]).repeat(2, 1)].any()


@pytest.mark.parametrize("cls", [DAHB, HCTMG, LFLSTM])
def test_other_models_train_a_step(cls):
    model = cls(WIDTHS, dim=40)
    model.compile("sgd", "mae")
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(*batch())).all()
    moved = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.mean(moved) > 0.5
    assert np.isfinite(model.predict_on_batch(batch()[0])).all()


# Outputs used again; batch norm, and so muted passes in inference mode.
@pytest.mark.parametrize("cls, kwargs", [(LeNet, {}), (ResNet18, {"width": 8})])
def test_modulation_trains_a_step(cls, kwargs):
    rng = np.random.default_rng(0)
    inputs = {m: rng.normal(size=(8, 32, 32, 1)).astype("float32") for m in ("image", "audio")}
    encoders = {m: cls(**kwargs) for m in inputs}
    model = LateFusion(dict.fromkeys(inputs, (32, 32, 1)), encoders, num_outputs=3)
    before = model.get_weights()
    trained = training.Modulated(model, training.AGM(1.0))
    trained.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(trained.train_on_batch(inputs, rng.integers(0, 3, 8)))
    moved = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.mean(moved) > 0.9


@pytest.mark.parametrize("layer", [MaskedGRU, MaskedLSTM])
def test_recurrence_and_its_gradient_agree_with_the_cpu(layer):
    torch = torch_on_gpu()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 30, 6)).astype("float32")
    real = np.arange(30) < np.array([[30], [17], [1], [0]])
    found, weights = [], None
    for device in ("cpu", "gpu:0"):
        with keras.device(device):
            stack = layer(8, num_layers=2)
            stack.build(x.shape)
            weights = weights or stack.get_weights()
            stack.set_weights(weights)
            inputs = ops.convert_to_tensor(x).requires_grad_()
            y = stack(inputs, mask=ops.convert_to_tensor(real))
            (gradient,) = torch.autograd.grad(y.square().sum(), inputs)
            found.append([z.detach().cpu().numpy() for z in (y, gradient)])
    # Products on the GPU may run in TF32.
    np.testing.assert_allclose(found[0][0], found[1][0], atol=5e-3)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=2e-2)


@pytest.mark.parametrize("cls, kwargs", MODELS)
def test_agrees_with_the_cpu(cls, kwargs):
    if keras.config.backend() == "jax":
        pytest.skip("keras.device does not move the variables of a model on jax")
    inputs, y = batch()
    results, weights = [], None
    for device in ("cpu", "gpu:0"):
        with keras.device(device):
            # The loss of the random estimator would depend on each device's own numbers.
            model = cls(WIDTHS, mmd_estimator="exact", **SIZE, **WITHOUT_DROPOUT, **kwargs)
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile("sgd", "mae")
            prediction = model.predict_on_batch(inputs)
            results.append((prediction, model.train_on_batch(inputs, y)))
    # 1e-2: convolutions and products may run in TF32, which keeps 10 bits, through some 20 layers;
    # the pairs that the alignment selects may differ where attention hardly does.
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-2, rtol=1e-2)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("num_heads", [8, 10])
def test_attention_is_fused(num_heads, policy):
    torch = torch_on_gpu()
    keras.config.set_dtype_policy(policy)
    model = MulT(WIDTHS, dim=40, num_heads=num_heads, num_layers=1)
    model.compile("sgd", "mae")
    inputs, y = batch()
    model.train_on_batch(inputs, y)
    with torch.profiler.profile() as profile:
        model.train_on_batch(inputs, y)
    names = {event.key for event in profile.key_averages()}
    kernels = {n for n in names if n.startswith("aten::_scaled_dot_product_")}
    assert any("efficient" in n or "flash" in n or "cudnn" in n for n in kernels), kernels
    assert not any("math" in n for n in kernels), kernels
    # No matrix of scores is normalised anywhere.
    assert not names & {"aten::_softmax", "aten::softmax", "aten::_masked_softmax"}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_attention_memory_does_not_grow_with_the_matrix(policy):
    torch = torch_on_gpu()
    keras.config.set_dtype_policy(policy)
    block = CrossmodalBlock(num_heads=8)
    steps, size = 8192, 2
    query = ops.convert_to_tensor(
        np.random.default_rng(0).normal(size=(size, steps, 40)), "float32"
    )
    mask = ops.convert_to_tensor(np.arange(steps)[None] < np.array([[steps], [steps // 2]]))
    block(query[:, :8], query[:, :8])

    def step():
        x = query.detach().requires_grad_(True)
        ops.sum(ops.cast(block(x, x, source_mask=mask), "float32")).backward()

    # The scores of the heads alone would be 2 x 8 x 8192^2 numbers: 4.3 GB in float32.
    assert peak_bytes(torch, step) < 1e9


def test_alignment_memory_ends_at_that_of_a_block():
    torch = torch_on_gpu()
    rng = np.random.default_rng(0)
    steps, heads, layers = 500, 8, 4

    def peak(size):
        tensors = [
            ops.convert_to_tensor(rng.normal(size=(size, steps, heads, 5)), "float32")
            for _ in range(2 * layers)
        ]
        tensors = [x.requires_grad_(True) for x in tensors]
        mask = ops.ones((size, steps), dtype="bool")
        return peak_bytes(
            torch,
            lambda: fuse_ops.propagated_alignment(
                tensors[:layers], tensors[layers:], mask, mask, tau=0.25
            ).backward(),
        )

    peak(2)
    # 64 samples are two blocks, or more where less memory is free. A matrix of attention for each
    # of 256 would be 8 GB, a few of them alive at once.
    assert peak(256) < 1.3 * peak(64)


def test_exact_mmd_takes_less_than_a_gigabyte():
    torch = torch_on_gpu()
    rng = np.random.default_rng(0)
    x, y = (ops.convert_to_tensor(rng.normal(size=(32_000, 5)), "float32") for _ in range(2))
    x = x.requires_grad_(True)
    fuse_ops.mmd(x[:10], y[:10]).backward()
    assert peak_bytes(torch, lambda: fuse_ops.mmd(x, y, estimator="exact").backward()) < 1e9
