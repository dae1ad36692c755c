"""What can go wrong with a recording: a modality fails, frames get lost, sensors are noisy.

All draws depend on the seed, the modality and the sample's position in stored order alone, not on
batch size, padding or side of padding; and a higher level changes all that a lower one changes.
"""

import zlib

import keras
import numpy as np

from kerasfuse.ops.masks import padding_mask


def removed(x, rows, level, chosen):
    """Zero the modality in those samples whose place in a random order is below the level.

    Args:
        x: array `(batch, ...)`.
        rows: positions of its samples in stored order.
        level: share of the samples of the data set that lack the modality.
        chosen: places of all samples in that order, `(samples,)`, see `order_of_removal`.
    """
    gone = chosen[rows] < round(level * len(chosen))
    return np.where(gone.reshape(-1, *[1] * (x.ndim - 1)), np.zeros_like(x), x)


def order_of_removal(num_samples, modality, seed):
    """Return the place of each sample in a random order, `(samples,)`."""
    return _generator(seed, "removed", modality).permutation(num_samples)


def dropped(x, rows, level, modality, seed):
    """Zero a share of the valid steps of each sample, rounded to whole steps.

    A zeroed step is a missing frame to the models of the library: masked like padding, its place in
    time kept.

    Args:
        x: sequences `(batch, steps, width)`, or ids `(batch, steps)`.
        rows: positions of its samples in stored order.
        level: share of the valid steps.
        modality: name of the modality.
        seed: seed of the draws.
    """
    x = x.copy()
    for sample, valid, row in zip(x, valid_steps(x), rows, strict=True):
        steps = np.flatnonzero(valid)
        order = _generator(seed, "dropped", modality, row).permutation(len(steps))
        sample[steps[order[: round(level * len(steps))]]] = 0
    return x


def noisy(x, rows, level, modality, seed, spread):
    """Add gaussian noise to valid steps, `level` standard deviations of each feature.

    Args:
        x: sequences `(batch, steps, width)`, or images `(batch, height, width, channels)`.
        rows: positions of its samples in stored order.
        level: standard deviation of the noise in units of that of the feature.
        modality: name of the modality.
        seed: seed of the draws.
        spread: standard deviation of each feature or channel, see `feature_spread`.
    """
    x = x.copy()
    for sample, valid, row in zip(x, valid_steps(x), rows, strict=True):
        real = sample[valid] if x.ndim == 3 else sample
        noise = _generator(seed, "noise", modality, row).normal(size=real.shape)
        changed = (real + level * spread * noise).astype(x.dtype)
        if x.ndim == 3:
            sample[valid] = changed
        elif valid.any():
            sample[...] = changed
    return x


def valid_steps(x):
    """Return which steps are real, `(batch, steps)`; of images, which samples have one."""
    if x.ndim > 3:
        return np.any(x != 0, axis=tuple(range(1, x.ndim)))[:, None]
    return np.asarray(keras.ops.convert_to_numpy(padding_mask(x)))


def feature_spread(batches):
    """Return modality name -> standard deviation of each feature over all valid steps.

    Of images it is that of each channel; modalities of integer ids have none and are left out.
    """
    moments = {}
    for index in range(len(batches)):
        for name, x in batches[index][0].items():
            if x.ndim < 3:
                continue
            real = x[valid_steps(x)] if x.ndim == 3 else x[valid_steps(x)[:, 0]]
            real = real.reshape(-1, x.shape[-1]).astype("float64")
            if len(real):
                new = (len(real), real.mean(axis=0), ((real - real.mean(axis=0)) ** 2).sum(axis=0))
                moments[name] = _combined(moments[name], new) if name in moments else new
    return {name: np.sqrt(squares / count) for name, (count, _, squares) in moments.items()}


def _combined(a, b):
    """Combine counts, means and sums of squares of two samples (Chan et al., 1979)."""
    count, step = a[0] + b[0], b[1] - a[1]
    mean = a[1] + step * b[0] / count
    return count, mean, a[2] + b[2] + step**2 * a[0] * b[0] / count


def _generator(seed, kind, modality, row=0):
    return np.random.default_rng([seed, zlib.crc32(f"{kind}/{modality}".encode()), int(row)])
