"""Sinusoidal positions in the form that MulT uses."""

import math

from keras import ops

from kerasfuse.ops.masks import first_valid_step


def sinusoid(positions, dim):
    """Encode positions by sines, then cosines, of geometrically falling frequencies.

    For a position p and j = 0 .. dim/2 - 1, with w_j = 10000^(-j / (dim/2 - 1)):

        PE(p) = [sin(p w_0), ..., sin(p w_(dim/2-1)), cos(p w_0), ..., cos(p w_(dim/2-1))]

    The halves are not interleaved; an odd `dim` ends in one zero.

    Reference: Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language Sequences"
    (MulT), ACL 2019, section 3.2 and its public code.

    Args:
        positions: tensor of positions, any shape.
        dim: width of the encoding, at least 4.

    Returns:
        Tensor of the shape of `positions` with one more axis of size `dim`, float32.

    Example:

    >>> sinusoid(np.arange(1, 51), dim=40).shape   # (50, 40)
    """
    half = dim // 2
    rates = ops.exp(ops.arange(half, dtype="float32") * (-math.log(10000.0) / (half - 1)))
    angles = ops.expand_dims(ops.cast(positions, "float32"), -1) * rates
    parts = [ops.sin(angles), ops.cos(angles)]
    if dim % 2:
        parts.append(ops.zeros_like(angles[..., :1]))
    return ops.concatenate(parts, axis=-1)


def positions_from_first_valid(mask):
    """Count steps from the first real one, which is 1: `(batch, steps)` -> `(batch, steps)`.

    Padding on the left then shifts nothing, and a frame that is missing in the middle keeps its
    place in time. Steps before the first real one get positions below 1 and are to be masked.
    """
    steps = ops.arange(1, ops.shape(mask)[1] + 1, dtype="int32")
    return steps[None, :] - first_valid_step(mask)[:, None]
