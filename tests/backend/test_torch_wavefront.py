import pytest
import torch

from kerasfuse.backend.torch_wavefront import wavefront_gru


def inputs(steps, layers, width=4, units=3):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        x = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return x.requires_grad_()

    kernels = []
    for layer in range(layers):
        kernels += [normal(units if layer else width, 3 * units), normal(units, 3 * units)]
    return normal(2, steps, width), kernels


def run(x, *kernels):
    return wavefront_gru(x, list(zip(kernels[::2], kernels[1::2], strict=True)))


def oracle(x, *kernels):
    """The equations, one layer after the other, one step after the other."""
    for kernel, recurrent in zip(kernels[::2], kernels[1::2], strict=True):
        state, states = x.new_zeros(len(x), len(recurrent)), []
        for step in x.unbind(1):
            z, r, c = (step @ kernel).chunk(3, dim=-1)
            of_z, of_r, of_c = (state @ recurrent).chunk(3, dim=-1)
            z, r = torch.sigmoid(z + of_z), torch.sigmoid(r + of_r)
            state = z * state + (1 - z) * torch.tanh(c + r * of_c)
            states.append(state)
        x = torch.stack(states, dim=1)
    return x


# One layer, as many steps as layers, fewer, and more.
@pytest.mark.parametrize("steps, layers", [(4, 1), (3, 3), (1, 3), (7, 2)])
def test_it_is_the_stack_of_the_equations(steps, layers):
    x, kernels = inputs(steps, layers)
    torch.testing.assert_close(run(x, *kernels), oracle(x, *kernels), rtol=0, atol=1e-14)


@pytest.mark.parametrize("steps, layers", [(4, 1), (3, 3), (1, 3)])
def test_its_gradient_is_that_of_central_differences(steps, layers):
    x, kernels = inputs(steps, layers)
    assert torch.autograd.gradcheck(run, (x, *kernels))


def test_two_calls_do_not_share_what_they_keep():
    x, kernels = inputs(5, 2)
    first, second = run(x, *kernels), run(2 * x, *kernels)
    wanted = torch.autograd.grad(oracle(x, *kernels).sum(), x)
    torch.testing.assert_close(torch.autograd.grad(first.sum(), x), wanted)
    assert not torch.equal(first, second)
