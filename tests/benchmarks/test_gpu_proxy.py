"""What the proxy of a GPU sees of steps whose kernels, reads and memory are known."""

import pathlib
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.layers import CrossmodalAttention, Dropout, MaskedGRU, MaskedLSTM

torch = pytest.importorskip("torch")
if keras.config.backend() != "torch":
    pytest.skip("counts what PyTorch dispatches", allow_module_level=True)
sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import gpu_proxy  # noqa: E402


def counted(function, *tensors):
    """Count what a function does with tensors, as on a GPU, and the gradient of its sum."""
    tensors = [x.requires_grad_() if x.is_floating_point() else x for x in tensors]
    count = gpu_proxy.Count()
    with gpu_proxy.as_on_gpu(), gpu_proxy.counting(count):
        y = function(*tensors)
        if isinstance(y, torch.Tensor) and y.requires_grad:
            y.sum().backward()
    return count


def test_kernels_are_counted_and_views_and_allocations_are_not():
    x, w = torch.ones(3, 4), torch.ones(4, 5)
    count = counted(lambda x, w: (x.T[:2].T @ w[:2]).view(15).relu(), x, w)
    # Gradients of the slices are zeros and a copy into them.
    forward = {"mm": 3, "relu": 1, "sum": 1}
    found = dict(count.kernels)
    assert {name: found[name] for name in forward} == forward
    assert found["threshold_backward"] == 1
    assert not {"t", "view", "slice", "transpose", "empty", "detach"} & set(found)
    assert not count.reads and not count.uploads


@pytest.mark.parametrize(
    "read",
    [
        lambda x: float(x.detach().sum()),
        lambda x: x.detach().sum().item(),
        lambda x: bool((x > 0).all()),
        lambda x: x.detach().numpy(),
        lambda x: x.detach()[:1].tolist(),
        lambda x: x.cpu(),
        lambda x: ops.convert_to_numpy(x),
        lambda x: np.asarray(x.detach()),
        lambda x: ops.full((3,), x.detach().sum()),
    ],
)
def test_what_waits_for_the_gpu_is_a_read(read):
    assert counted(read, torch.ones(3)).reads.total() == 1


def test_numbers_that_go_to_the_gpu_are_uploads():
    assert counted(lambda x: x + 1.0, torch.ones(3)).uploads == 0
    assert counted(lambda x: ops.maximum(x, 1.0), torch.ones(3)).uploads == 1
    for without in (
        lambda x: backend.at_least(x, 1.0),
        lambda x: backend.where(x > 0, x, 1.0),
        lambda x: ops.cast(x, "bool"),
    ):
        assert counted(without, torch.ones(3)).uploads == 0


def test_memory_is_that_of_the_tensors_that_are_held():
    def function(x):
        y = x * 2.0  # 4,000 bytes, 4,096 of the allocator
        z = (y + 1.0)[:10]  # as many, for as long as the view is there
        del y
        return (z * 3.0).detach()  # 40 bytes, 512

    x = torch.ones(1000)
    count = gpu_proxy.Count()
    with gpu_proxy.counting(count):
        function(x)
    assert count.peak_bytes == 2 * 4096
    with gpu_proxy.counting(gpu_proxy.Count()) as count:
        kept = [x * 2.0 for _ in range(3)]
        del kept
        x * 2.0
    assert count.peak_bytes == 3 * 4096


def test_work_is_that_of_the_products_and_what_they_read_and_write():
    count = counted(lambda x, w: (x @ w).detach(), torch.ones(30, 40), torch.ones(40, 50))
    operations, moved = count.work[0]
    assert operations == 2 * 30 * 40 * 50
    assert moved == 4 * (30 * 40 + 40 * 50 + 30 * 50)


def test_memory_of_the_alignment_ends_at_that_of_a_block():
    def peak(size, free_bytes=80 * 10**9):
        layers = [torch.ones(size, 500, 8, 5, requires_grad=True) for _ in range(4)]
        mask = torch.ones(size, 500, dtype=torch.bool)
        count = gpu_proxy.Count()
        with gpu_proxy.as_on_gpu(free_bytes), gpu_proxy.counting(count):
            fuse_ops.propagated_alignment(layers[:2], layers[2:], mask, mask).backward()
        assert not count.reads
        return count.peak_bytes

    # 2^28 entries of 20 bytes, and what a block leaves.
    assert peak(256) < 1.2 * peak(64) < 1.2 * 20 * 2**28
    assert peak(64, free_bytes=2 * 10**9) < 1.2e9


def test_a_block_of_a_processor_does_not_grow_with_the_sequences():
    def peak(steps):
        layers = [torch.ones(1, steps, 2, 4, requires_grad=True) for _ in range(12)]
        mask = torch.ones(1, steps, dtype=torch.bool)
        with gpu_proxy.counting(gpu_proxy.Count()) as count:
            fuse_ops.propagated_alignment(layers[:6], layers[6:], mask, mask).backward()
        return count.peak_bytes

    # With the matrices of six layers in one block they would be 97 and 387 MB. What is propagated
    # is one matrix, 4 and 16 MB.
    assert peak(1000) < 30e6 and peak(2000) < 70e6


def test_exact_mmd_takes_less_than_a_gigabyte():
    x, y = (torch.ones(32_000, 5, requires_grad=True) for _ in range(2))
    with gpu_proxy.as_on_gpu(), gpu_proxy.counting(gpu_proxy.Count()) as count:
        fuse_ops.mmd(x, y).backward()
    assert count.peak_bytes < 1e9 and not count.reads


def test_layers_take_the_ways_of_a_gpu():
    x, real = torch.ones(2, 7, 8), torch.ones(2, 7, dtype=torch.bool)
    drop = Dropout(0.5)
    kernels = counted(lambda x: drop(x, training=True), x).kernels
    assert kernels["native_dropout"] == kernels["native_dropout_backward"] == 1

    attention = CrossmodalAttention(num_heads=2)
    attention(x, x)
    kernels = counted(lambda x, m: attention(x, x, source_mask=m), x, real).kernels
    assert kernels["_scaled_dot_product_efficient_attention"] == 1
    assert kernels["_scaled_dot_product_efficient_attention_backward"] == 1
    # Nothing is widened or copied for it: heads are as wide as it takes, rows of the mask too.
    assert not {"constant_pad_nd", "clone"} & set(kernels)
    # Queries, keys and values of one sequence are one product, which has two gradients.
    assert kernels["baddbmm"] == 1 and kernels["bmm"] == 2

    for layer in (MaskedGRU(4, num_layers=2), MaskedLSTM(4, num_layers=2)):
        layer(x)
        kernels = counted(lambda x, m, layer=layer: layer(x, mask=m), x, real).kernels
        assert kernels["_cudnn_rnn"] == kernels["_cudnn_rnn_backward"] == 1
        assert kernels.total() < 60


def test_the_counts_of_a_step_do_not_depend_on_lengths_and_batch():
    inputs = {"x": keras.Input((None, 3), name="x")}
    model = keras.Model(inputs, keras.layers.Dense(1)(MaskedGRU(4)(inputs["x"])))
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), "mse")

    def count(size, steps):
        x, y = np.ones((size, steps, 3), "float32"), np.ones((size, steps, 1), "float32")
        with gpu_proxy.as_on_gpu():
            return gpu_proxy.count_step(model, {"x": x}, y)[0]

    model.train_on_batch({"x": np.ones((2, 3, 3))}, np.ones((2, 3, 1)))
    small, large = count(2, 5), count(64, 900)
    assert small.kernels == large.kernels
    assert large.peak_bytes > 100 * small.peak_bytes
