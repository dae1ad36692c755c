"""Where PyTorch computes, and how much memory is free there."""

import torch


def device_type(x):
    """Return "cpu", "cuda", "meta" or another: what has to run where this tensor is."""
    return x.device.type


def free_bytes(x):
    """Return what a GPU can still give, what PyTorch keeps for later among it."""
    free, _ = torch.cuda.mem_get_info(x.device)
    return free + torch.cuda.memory_reserved(x.device) - torch.cuda.memory_allocated(x.device)


def default():
    """Name the device that Keras computes on where nobody names another."""
    return "cuda" if torch.cuda.is_available() else "cpu"
