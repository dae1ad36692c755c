"""Blocks are those of a cache on a processor, and as large as memory allows on a GPU."""

import keras
import pytest
from keras import ops

from kerasfuse import backend


def test_a_processor_takes_its_own():
    assert backend.block_entries(ops.ones(3), 2**20, 2**28, 16) == 2**20


@pytest.mark.usefixtures("as_on_gpu")
def test_a_gpu_takes_the_most_that_half_of_its_free_memory_holds(monkeypatch):
    for free, entries in ((None, 2**28), (2**40, 2**28), (2**30, 2**25), (2**10, 2**20)):
        monkeypatch.setattr(backend, "_free_bytes", lambda x, free=free: free)
        assert backend.block_entries(ops.ones(3), 2**20, 2**28, 16) == entries


@pytest.mark.skipif(keras.config.backend() != "torch", reason="asks PyTorch")
def test_what_pytorch_keeps_for_later_is_free(monkeypatch):
    import torch

    from kerasfuse.backend import torch_device

    told = {"mem_get_info": (100, 1000), "memory_reserved": 300, "memory_allocated": 250}
    for name, value in told.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert torch_device.free_bytes(ops.ones(3)) == 150
