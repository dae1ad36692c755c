"""Images, and other arrays without a time axis, in memory."""

import numpy as np


class Images:
    """Hold the samples of one modality that are all of one shape; one of zeros is absent.

    Args:
        name: the modality.
        samples: array `(samples, height, width, channels)` of any numbers, list of arrays `(height,
            width, channels)` with `None` for an absent one, or `None`.
        shape: `(height, width, channels)`, where the user told.
        clean: set values that are not finite to 0.
    """

    def __init__(self, name, samples, shape, clean):
        self.width = shape
        self.num_cleaned = 0
        self.samples = samples
        if samples is None:
            return
        self.samples = _stacked(name, samples, shape)
        if isinstance(shape, int):
            raise ValueError(
                f"expected inputs[{name!r}] to be sequences (samples, steps, {shape}). Received: "
                f"shape {self.samples.shape}"
            )
        if shape is not None and self.samples.shape[1:] != tuple(shape):
            raise ValueError(
                f"expected inputs[{name!r}] to be images of shape {tuple(shape)}. Received: shape "
                f"{self.samples.shape[1:]}"
            )
        self.width = self.samples.shape[1:]
        self._check_finite(name, clean)
        self.present = self.samples.any(axis=(1, 2, 3))

    def mark_absent(self, num_samples):
        self.present = np.zeros(num_samples, bool)
        # One image stands for all of them.
        self.samples = np.broadcast_to(np.float32(0), (num_samples, *self.width))

    def sample(self, i):
        return self.samples[i]

    def _check_finite(self, name, clean):
        if self.samples.dtype.kind != "f":
            return
        wrong = ~np.isfinite(self.samples)
        self.num_cleaned = int(wrong.sum())
        if self.num_cleaned and not clean:
            nans = int(np.isnan(self.samples).sum())
            first, *place = np.argwhere(wrong)[0].tolist()
            raise ValueError(
                f"expected finite features. Received: inputs[{name!r}] with {nans} NaN and "
                f"{self.num_cleaned - nans} infinite values, the first at sample {first}, {place}. "
                "Repair them, or set them to 0 with clean=True."
            )
        if self.num_cleaned:
            self.samples = np.where(wrong, self.samples.dtype.type(0), self.samples)


def _stacked(name, samples, shape):
    if not len(samples):
        raise ValueError(f"expected samples. Received: none in inputs[{name!r}]")
    if isinstance(samples, list | tuple):
        present = [np.asarray(x) for x in samples if x is not None]
        shapes = {x.shape for x in present} or {tuple(shape)}
        if len(shapes) > 1:
            raise ValueError(
                f"expected inputs[{name!r}] to be images of one shape. Received: "
                f"{', '.join(map(str, sorted(shapes)))}"
            )
        empty = np.zeros(shapes.pop(), present[0].dtype if present else "float32")
        samples = np.stack([empty if x is None else x for x in samples])
    samples = np.asarray(samples)
    if samples.ndim != 4 or samples.dtype.kind not in "fiub" or not samples.size:
        raise ValueError(
            f"expected inputs[{name!r}] to be numbers of shape (samples, height, width, channels). "
            f"Received: dtype {samples.dtype}, shape {samples.shape}"
        )
    return samples
