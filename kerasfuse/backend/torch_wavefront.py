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
    # Arrays are (ticks, layers, batch, channels), and are cut into ticks beforehand: a slice costs
    # half of what an operation does. No layer has a bias: before its first step a state stays 0,
    # and what it becomes after its last one is not read.

    @staticmethod
    def forward(ctx, seen, kernels):
        (steps, batch, width), layers, units = seen.shape, len(kernels), kernels.shape[1] // 2
        ticks = steps + layers - 1
        read = seen.new_zeros(ticks + 1, layers, batch, 2 * units)  # input, state
        gates = seen.new_empty(ticks, layers, batch, 4 * units)
        states, above = read[..., units:].unbind(), read[:, 1:, :, :units].unbind()
        below, lowest = read[:, :-1, :, units:].unbind(), gates[:, 0, :, :width].unbind()
        sigmoids = gates[..., : 2 * units].unbind()
        update, reset, candidate, recurrent = (g.unbind() for g in gates.split(units, dim=-1))
        reads, products, seen = read.unbind(), gates.unbind(), seen.unbind()
        for tick in range(ticks):
            torch.bmm(reads[tick], kernels, out=products[tick])
            if tick < steps:
                lowest[tick].add_(seen[tick])
            sigmoids[tick].sigmoid_()
            candidate[tick].addcmul_(reset[tick], recurrent[tick]).tanh_()
            torch.lerp(candidate[tick], states[tick], update[tick], out=states[tick + 1])
            above[tick + 1].copy_(below[tick + 1])
        ctx.save_for_backward(kernels, read, gates)
        ctx.steps = steps
        return read[layers:, -1, :, units:].clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        kernels, read, gates = ctx.saved_tensors
        ticks, layers, batch, _ = gates.shape
        units = kernels.shape[1] // 2
        update, reset, candidate, recurrent = gates.split(units, dim=-1)
        # What the gradient of a state is multiplied by, for all ticks at once.
        to_candidate = (1.0 - update) * (1.0 - candidate.square())
        to_update = (read[:-1, :, :, units:] - candidate) * update * (1.0 - update)
        to_reset = to_candidate * recurrent * reset * (1.0 - reset)
        slopes = torch.stack([to_update, to_reset, to_candidate, to_candidate * reset], dim=-2)

        state = gradient.new_zeros(layers, batch, units)
        product = gradient.new_empty(layers, batch, 2 * units)
        to_below, to_before = product[1:, :, :units], product[..., units:]
        highest, lower, repeated = state[-1], state[:-1], state[:, :, None]
        transposed, flat = kernels.mT.contiguous(), slopes.flatten(-2)
        update, factors, flats = update.unbind(), slopes.unbind(), flat.unbind()
        gradient = gradient.unbind()
        for tick in reversed(range(ticks)):
            if tick >= layers - 1:
                highest.add_(gradient[tick - layers + 1])
            factors[tick].mul_(repeated)
            torch.bmm(flats[tick], transposed, out=product)
            state.mul_(update[tick]).add_(to_before)
            lower.add_(to_below)
        rows = (layers, ticks * batch, -1)
        of_kernels = read[:-1].transpose(0, 1).reshape(rows).mT @ flat.transpose(0, 1).reshape(rows)
        return flat[: ctx.steps, 0, :, : 3 * units], of_kernels
