"""A stack of GRUs on a processor, all layers at once, where PyTorch does one after the other."""

import torch


def wavefront_gru(x, weights):
    """Run a stack of bias-free GRUs over `(batch, steps, width)`, all layers at once.

    Layer l needs step t of the layer below and step t - 1 of its own. So at tick t + l layer l
    takes step t, and one product serves all layers: `steps + layers - 1` ticks of a few operations,
    where PyTorch has `steps * layers` of more. Each layer multiplies [input; state] by

        [ W_z  W_r  W_c   0  ]
        [ R_z  R_r   0   R_c ]

    whose last two columns the reset gate wants apart. What the lowest layer reads is multiplied
    beforehand, in one product over all steps.

    Args:
        x: tensor `(batch, steps, width)`.
        weights: a pair of Keras kernels a layer, `(width, 3 units)` and `(units, 3 units)`.

    Returns:
        Tensor `(batch, steps, units)`.
    """
    first, _ = weights[0]
    units = first.shape[1] // 3
    kernels = []
    for layer, (kernel, recurrent) in enumerate(weights):
        kernel = kernel if layer else torch.zeros_like(recurrent)
        nothing = torch.zeros_like(recurrent[:, :units])
        inputs = torch.cat([kernel, nothing], dim=1)
        states = torch.cat([recurrent[:, : 2 * units], nothing, recurrent[:, 2 * units :]], dim=1)
        kernels.append(torch.cat([inputs, states]))
    seen = (x @ first).transpose(0, 1)
    return _Wavefront.apply(seen, torch.stack(kernels)).transpose(0, 1)


class _Wavefront(torch.autograd.Function):
    # Arrays are (ticks, layers, batch, channels). No layer has a bias: before its first step a
    # state stays 0, and what it becomes after its last one is not read.

    @staticmethod
    def forward(ctx, seen, kernels):
        (steps, batch, _), layers, units = seen.shape, len(kernels), kernels.shape[1] // 2
        ticks = steps + layers - 1
        read = seen.new_zeros(ticks + 1, layers, batch, 2 * units)  # input, state
        gates = seen.new_empty(ticks, layers, batch, 4 * units)
        for tick in range(ticks):
            g = torch.bmm(read[tick], kernels, out=gates[tick])
            if tick < steps:
                g[0, :, : 3 * units] += seen[tick]
            update, reset, candidate, recurrent = g.split(units, dim=-1)
            g[..., : 2 * units].sigmoid_()
            candidate.addcmul_(reset, recurrent).tanh_()
            state = torch.lerp(
                candidate, read[tick, :, :, units:], update, out=read[tick + 1, :, :, units:]
            )
            read[tick + 1, 1:, :, :units] = state[:-1]
        ctx.save_for_backward(kernels, read, gates)
        ctx.steps = steps
        return read[layers:, -1, :, units:].clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        kernels, read, gates = ctx.saved_tensors
        ticks, layers, batch, _ = gates.shape
        units = kernels.shape[1] // 2
        update, reset, candidate, recurrent = gates.unflatten(-1, (4, units)).unbind(-2)
        # d gates = d state x these, for all ticks at once.
        to_candidate = (1.0 - update) * (1.0 - candidate.square())
        to_update = (read[:-1, :, :, units:] - candidate) * update * (1.0 - update)
        to_reset = to_candidate * recurrent * reset * (1.0 - reset)
        slopes = torch.stack([to_update, to_reset, to_candidate, to_candidate * reset], dim=-2)
        transposed = kernels.mT.contiguous()
        state = gradient.new_zeros(layers, batch, units)
        for tick in reversed(range(ticks)):
            if tick >= layers - 1:
                state[-1] += gradient[tick - layers + 1]
            slopes[tick] *= state[:, :, None]
            below, before = (slopes[tick].flatten(-2) @ transposed).split(units, dim=-1)
            state = before.addcmul_(state, update[tick])
            state[:-1] += below[1:]
        slopes = slopes.flatten(-2)
        seen = slopes[: ctx.steps, 0, :, : 3 * units]
        rows = (layers, ticks * batch, -1)
        read = read[:-1].transpose(0, 1).reshape(rows)
        return seen, read.mT @ slopes.transpose(0, 1).reshape(rows)
