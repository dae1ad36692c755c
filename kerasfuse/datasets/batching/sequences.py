"""Sequences in memory: checked, and cut out of their padding."""

import numpy as np

# Dense arrays are looked through this many values at a time, so that looking costs no memory.
_BLOCK_VALUES = 2**23


class Sequences:
    """Hold the samples of one modality, and where each begins and ends between its padding.

    Args:
        name: the modality.
        samples: array `(samples, steps, width)`, list of arrays `(steps, width)`, or `None`.
        width: features a step, where the user told.
        clean: set values that are not finite to 0.
    """

    def __init__(self, name, samples, width, clean):
        self.name = name
        self.width = width
        self.num_cleaned = 0
        self.samples = samples
        self._borrowed = True  # the caller's array, which is not ours to change
        if samples is None:
            if width is None:
                raise ValueError(
                    f"expected arrays, or the widths in modalities={{{name!r}: ...}}. "
                    f"Received: inputs[{name!r}]=None"
                )
            return
        self._convert()
        if width is not None and width != self.width:
            raise ValueError(
                f"expected inputs[{name!r}] to be {width} features wide. "
                f"Received: width {self.width}"
            )
        self._find_ends(clean)

    @property
    def lengths(self):
        """Numbers of steps `(samples,)` between the padding."""
        return self._stop - self._start

    def mark_absent(self, num_samples):
        self.present = np.zeros(num_samples, bool)
        self._start = self._stop = np.zeros(num_samples, int)

    @property
    def raw_lengths(self):
        """Numbers of steps `(samples,)` with padding; -1 where a sample lacks the modality."""
        if self.samples is None:
            return np.full(len(self.present), -1)
        if isinstance(self.samples, np.ndarray):
            return np.full(len(self.samples), self.samples.shape[1])
        return np.array([-1 if x is None else len(x) for x in self.samples])

    def cut(self, start, stop):
        """Take other ends than the own ones: those of several modalities that share their steps."""
        self._start, self._stop = start, stop

    @property
    def ends(self):
        """First steps and the steps behind the last ones, two arrays `(samples,)`."""
        return self._start, self._stop

    def valid_steps(self, i):
        return slice(self._start[i], self._stop[i])

    def sample(self, i):
        if not self.present[i]:
            return np.zeros((self.lengths[i], self.width), "float32")
        return self.samples[i][self.valid_steps(i)]

    def _convert(self):
        samples = self.samples
        if isinstance(samples, dict | str):
            raise ValueError(
                f"expected inputs[{self.name!r}] to be an array (samples, steps, width) or a list "
                f"of arrays (steps, width). Received: {type(samples).__name__}"
            )
        if not isinstance(samples, list | tuple):
            samples = np.asarray(samples)
            if samples.dtype == object:  # how numpy stores sequences of different lengths
                samples = list(samples)
        if not len(samples):
            raise ValueError(f"expected samples. Received: none in inputs[{self.name!r}]")
        if isinstance(samples, np.ndarray):
            self.samples = self._as_float32(samples, "", 3)
            self.width = samples.shape[2]
            return
        self.samples = [
            None if x is None else self._as_float32(x, f"[{i}]", 2) for i, x in enumerate(samples)
        ]
        widths = [None if x is None else x.shape[1] for x in self.samples]
        present = [i for i, x in enumerate(widths) if x is not None]
        # The width that `modalities` gives stays where every sample lacks the modality.
        self.width = widths[present[0]] if present else self.width
        for i in present:
            if widths[i] != self.width:
                raise ValueError(
                    f"expected inputs[{self.name!r}] to be equally wide in all samples. Received: "
                    f"width {self.width} in sample {present[0]} and {widths[i]} in sample {i}"
                )
        if self.width is None:
            raise ValueError(
                f"expected a sample that is not None, or the widths in modalities="
                f"{{{self.name!r}: ...}}. Received: only None in inputs[{self.name!r}]"
            )

    def _as_float32(self, x, where, rank):
        x = np.asarray(x)
        if x.ndim != rank or x.dtype.kind not in "fiub":
            axes = "(samples, steps, width)" if rank == 3 else "(steps, width)"
            raise ValueError(
                f"expected inputs[{self.name!r}]{where} to be numbers of shape {axes}. Received: "
                f"dtype {x.dtype}, shape {x.shape}"
            )
        if not x.size:
            raise ValueError(
                f"expected inputs[{self.name!r}]{where} to have steps and features; give a sample "
                f"that lacks the modality as None or as zeros. Received: shape {x.shape}"
            )
        with np.errstate(over="ignore"):  # too large for float32: refused below as infinite
            return x.astype("float32", copy=False)

    def _find_ends(self, clean):
        num_samples = len(self.samples)
        self._start, self._stop = np.zeros(num_samples, int), np.zeros(num_samples, int)
        num_nan, num_infinite, first_bad = 0, 0, None
        for first, block in self._blocks():
            finite = np.isfinite(block)
            if not finite.all():
                if first_bad is None:
                    sample, step, feature = np.argwhere(~finite)[0].tolist()
                    first_bad = f"sample {first + sample}, step {step}, feature {feature}"
                nans = int(np.isnan(block).sum())
                num_nan, num_infinite = num_nan + nans, num_infinite + (~finite).sum() - nans
                block = np.where(finite, block, np.float32(0))
                if clean:
                    self._replace(first, block)
            valid = (block != 0).any(axis=-1)
            stop = valid.shape[1] - valid[:, ::-1].argmax(axis=1)
            some = valid.any(axis=1)
            part = slice(first, first + len(block))
            self._start[part] = np.where(some, valid.argmax(axis=1), 0)
            self._stop[part] = np.where(some, stop, 0)
        if first_bad and not clean:
            raise ValueError(
                f"expected finite features. Received: inputs[{self.name!r}] with {num_nan} NaN and "
                f"{num_infinite} infinite values, the first at {first_bad}. "
                "Repair them, or set them to 0 with clean=True."
            )
        self.num_cleaned = int(num_nan + num_infinite)
        self.present = self._stop > self._start

    def _blocks(self):
        """Give (position of the first sample, array (samples, steps, width)), one at a time."""
        if isinstance(self.samples, list):
            for i, x in enumerate(self.samples):
                if x is not None:
                    yield i, x[None]
            return
        size = max(1, _BLOCK_VALUES // self.samples[0].size)
        for first in range(0, len(self.samples), size):
            yield first, self.samples[first : first + size]

    def _replace(self, first, block):
        if isinstance(self.samples, list):
            self.samples[first] = block[0]
            return
        if self._borrowed:
            self.samples, self._borrowed = self.samples.copy(), False
        self.samples[first : first + len(block)] = block
