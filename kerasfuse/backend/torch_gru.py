"""A stack of GRUs in one call of PyTorch, where Keras loops over the steps in Python."""

import torch


def masked_gru(x, mask, kernels):
    """Run a stack of bias-free GRUs over the real steps of `(batch, steps, width)`.

    A GRU that skips a step is one that never sees it: the real steps of each sample move to the
    front, in their order, PyTorch's own loop runs over them, and what it says moves back.

    Args:
        x: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps, or `None`.
        kernels: a pair of Keras kernels a layer, `(width, 3 units)` and `(units, 3 units)`.

    Returns:
        Tensor `(batch, steps, units)`, 0 where a step is not real.
    """
    if x.device.type == "cpu" and x.dtype != torch.float32:
        whole = [[kernel.float() for kernel in layer] for layer in kernels]
        return masked_gru(x.float(), mask, whole).to(x.dtype)
    weights = [_gates_in_torch_order(kernel) for layer in kernels for kernel in layer]
    units = weights[-1].shape[1]
    state = x.new_zeros(len(kernels), x.shape[0], units)

    def run(steps):
        return torch.gru(steps, state, weights, False, len(kernels), 0.0, False, False, True)[0]

    if mask is None:
        return run(x)
    order = torch.argsort(~mask, dim=1, stable=True)[:, :, None]
    seen = run(x.gather(1, order.expand(-1, -1, x.shape[2])))
    back = torch.zeros_like(seen).scatter(1, order.expand(-1, -1, units), seen)
    return back * mask[:, :, None]


def _gates_in_torch_order(kernel):
    """Keras keeps update, reset, candidate; PyTorch wants reset, update, candidate, transposed."""
    update, reset, candidate = kernel.chunk(3, dim=1)
    return torch.cat([reset, update, candidate], dim=1).T.contiguous()
