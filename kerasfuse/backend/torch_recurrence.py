"""A stack of GRUs or LSTMs in one call of PyTorch, where Keras loops over the steps in Python."""

import torch

from kerasfuse.backend import torch_device
from kerasfuse.backend.torch_wavefront import wavefront_gru


def masked_gru(x, mask, weights):
    """Run a stack of bias-free GRUs over the real steps of `(batch, steps, width)`.

    Args:
        x: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.
        weights: a pair of Keras kernels a layer, `(width, 3 units)` and `(units, 3 units)`.

    Returns:
        Tensor `(batch, steps, units)`, 0 where a step is not real.
    """

    def run(steps, weights):
        on_processor = torch_device.device_type(steps) == "cpu"
        return (wavefront_gru if on_processor else fused_gru)(steps, weights)

    return _over_real_steps(run, x, mask, weights)


def fused_gru(steps, weights):
    """Run a stack of bias-free GRUs over `(batch, steps, width)` by PyTorch's own."""
    flat = [_gru_gates_in_torch_order(kernel) for layer in weights for kernel in layer]
    state = steps.new_zeros(len(weights), steps.shape[0], flat[-1].shape[1])
    return torch.gru(steps, state, flat, False, len(weights), *_settings())[0]


def masked_lstm(x, mask, weights):
    """Run a stack of LSTMs over the real steps of `(batch, steps, width)`.

    Args:
        x, mask: see `masked_gru`.
        weights: for each layer Keras' kernels `(width, 4 units)` and `(units, 4 units)`, and its
            bias `(4 units,)`.

    Returns:
        Tensor `(batch, steps, units)`, 0 where a step is not real.
    """

    def run(steps, weights):
        # Keras has the gates in PyTorch's order, and one bias where PyTorch adds two.
        flat = []
        for kernel, recurrent, bias in weights:
            flat += [kernel.T.contiguous(), recurrent.T.contiguous(), bias, torch.zeros_like(bias)]
        state = steps.new_zeros(len(weights), steps.shape[0], weights[-1][1].shape[0])
        return torch.lstm(steps, (state, state), flat, True, len(weights), *_settings())[0]

    return _over_real_steps(run, x, mask, weights)


def _settings():
    """Dropout, training, bidirectional, batch first.

    cuDNN keeps what a gradient needs only in training, which changes nothing else without dropout.
    """
    return 0.0, torch.is_grad_enabled(), False, True


def _over_real_steps(run, x, mask, weights):
    """Let `run(steps, weights)` see the real steps alone.

    A network that skips a step is one that never sees it: the real steps of each sample move to
    the front, in their order, PyTorch's own loop runs over them, and what it says moves back.
    """
    if torch_device.device_type(x) == "meta":
        # Keras asks for shapes, once a compilation. PyTorch would loop over the steps in Python.
        return x.new_empty(*x.shape[:2], weights[-1][1].shape[0])
    if torch_device.device_type(x) == "cpu" and x.dtype != torch.float32:
        whole = [[weight.float() for weight in layer] for layer in weights]
        return _over_real_steps(run, x.float(), mask, whole).to(x.dtype)
    if mask is None:
        return run(x, weights)
    order = torch.argsort(~mask, dim=1, stable=True)[:, :, None]
    seen = run(x.gather(1, order.expand(-1, -1, x.shape[2])), weights)
    back = torch.zeros_like(seen).scatter(1, order.expand(-1, -1, seen.shape[2]), seen)
    return back * mask[:, :, None]


def _gru_gates_in_torch_order(kernel):
    """Keras keeps update, reset, candidate; PyTorch wants reset, update, candidate, transposed."""
    update, reset, candidate = kernel.chunk(3, dim=1)
    return torch.cat([reset, update, candidate], dim=1).T.contiguous()
