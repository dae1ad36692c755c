"""Random numbers on a GPU that nobody waits for."""

import torch

from kerasfuse.backend import torch_data_parallel


def uniform(x, seed):
    """Draw a float32 number in [0, 1) for every entry of `x`.

    Keras reads its seed from the GPU for every draw, and so waits for all that was launched before.
    Here a generator without a seed of its own draws from PyTorch's, as Keras' dropout does, and
    what one with a seed draws is computed from its state where that is. So is what processes that
    share a batch draw, which has to be alike in all of them.

    Args:
        x: tensor of the shape, on the device.
        seed: integer, `keras.random.SeedGenerator` or `None`.
    """
    if isinstance(seed, int):
        generator = torch.Generator(x.device).manual_seed(seed)
        return torch.rand(x.shape, generator=generator, device=x.device)
    shared = torch_data_parallel.shares_a_step()
    if seed is None or (seed.get_config()["seed"] is None and not shared):
        return torch.rand(x.shape, device=x.device)
    with torch.no_grad():
        first, second = seed.state.value.long().unbind()
        key = _mixed(_mixed(first) ^ second)
        seed.state.value[1] += 1
        numbers = torch.arange(x.numel(), device=x.device)
        # 24 bits, what float32 holds exactly.
        return ((_mixed(numbers ^ key) >> 8) * 2.0**-24).float().view(x.shape)


def _mixed(x):
    """Mix the 32 bits of integers until none tells of another, by a known sequence of steps.

    The constants are those of Wellons' "lowbias32", in int64 so that products do not lose bits.
    """
    x = (x + 0x9E3779B9) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & 0xFFFFFFFF
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)
