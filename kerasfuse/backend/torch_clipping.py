"""Clipping by the norm of all gradients, in a few calls of PyTorch for all of them."""

import torch


def clip_by_global_norm(gradients, most):
    """Scale gradients so that the norm of all of them together is at most `most`.

        g = g min(1, most / n),   n^2 = sum over all of |g|^2

    `keras.optimizers.Optimizer(global_clipnorm=most)` does so in three calls for each of them,
    which on a GPU is a third of the launches of a training step. As there, a norm that is not
    finite makes all gradients NaN.

    Args:
        gradients: list of tensors; `None` stays.
        most: a number above 0.

    Returns:
        List like `gradients`.
    """
    given = [g for g in gradients if g is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(given)))
    scale = (most / norm).clamp_max(1.0) + (norm - norm)
    scaled = iter(torch._foreach_mul(given, scale))
    return [None if g is None else next(scaled) for g in gradients]


class Clipping:
    """What `Optimizer._clip_gradients` does, by `clip_by_global_norm` where that is asked for.

    An object rather than a function, so that an optimizer that has one can be pickled.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def __call__(self, gradients):
        optimizer = self.optimizer
        # The order in which Keras asks.
        if not optimizer.clipnorm and optimizer.global_clipnorm:
            return clip_by_global_norm(gradients, optimizer.global_clipnorm)
        return type(optimizer)._clip_gradients(optimizer, gradients)
