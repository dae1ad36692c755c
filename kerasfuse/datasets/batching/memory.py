"""The samples of the caller's own arrays."""

import warnings

import numpy as np

from kerasfuse.datasets.batching.images import Images
from kerasfuse.datasets.batching.sequences import Sequences
from kerasfuse.nearest_names import close_to


class Memory:
    """Hold the samples of all modalities, in arrays of the caller.

    Args:
        inputs, modalities, clean, aligned: see `Batches`.

    Attributes:
        modalities: dict of modality name to the width of its steps, or to the shape of an image.
        lengths: dict of modality name to `(samples,)` numbers of steps; images have none.
        aligned: tuple of the names of the modalities that share their steps.
    """

    def __init__(self, inputs, modalities, clean, aligned=()):
        _check_names(inputs, modalities)
        # Modalities keep the order of the model where one is named, else the caller's.
        self._arrays = {
            name: _held(name, inputs[name], modalities and modalities[name], clean)
            for name in (modalities or inputs)
        }
        counts = {n: len(x.present) for n, x in self._arrays.items() if x.samples is not None}
        if len(set(counts.values())) != 1:
            raise ValueError(
                "expected as many samples in each modality, and at least one modality that is not "
                f"None. Received: {counts}"
            )
        self.num_samples = next(iter(counts.values()))
        for arrays in self._arrays.values():
            if arrays.samples is None:
                arrays.mark_absent(self.num_samples)
        self.modalities = {name: x.width for name, x in self._arrays.items()}
        self.aligned = self._aligned_names(aligned)
        self._cut_together()
        self.lengths = {name: x.lengths for name, x in self._sequences()}
        self._check_some_input()

    def samples(self, rows):
        """Yield a dict of modality name to array, without padding, for each of some samples."""
        for i in rows:
            yield {name: x.sample(i) for name, x in self._arrays.items()}

    def update(self, digest):
        """Add all valid features to a hash."""
        for name, arrays in self._arrays.items():
            digest.update(name.encode())
            for i in range(self.num_samples):
                digest.update(arrays.sample(i).tobytes())

    def valid_steps(self, i):
        return {name: x.valid_steps(i) for name, x in self._sequences()}

    def report_cleaned(self):
        cleaned = {n: x.num_cleaned for n, x in self._arrays.items() if x.num_cleaned}
        if cleaned:
            counts = ", ".join(f"{count} in {name!r}" for name, count in cleaned.items())
            warnings.warn(f"features that were not finite are now 0: {counts}", stacklevel=4)

    def _aligned_names(self, aligned):
        sequences = tuple(name for name, _ in self._sequences())
        if isinstance(aligned, bool):
            return sequences if aligned else ()
        is_list = isinstance(aligned, list | tuple)
        unknown = [name for name in aligned if name not in sequences] if is_list else aligned
        if unknown != []:
            raise ValueError(
                f"expected aligned to be True or names among the sequences {list(sequences)}. "
                f"Received: aligned={unknown!r}"
            )
        return tuple(aligned)

    def _cut_together(self):
        """Cut the padding that all modalities which share their steps have in common."""
        arrays = [self._arrays[name] for name in self.aligned]
        if not arrays:
            return
        lengths = np.array([x.raw_lengths for x in arrays])
        differ = ((lengths >= 0) & (lengths != lengths.max(axis=0))).any(axis=0)
        if differ.any():
            i = int(differ.argmax())
            found = {x.name: int(n) for x, n in zip(arrays, lengths[:, i], strict=True) if n >= 0}
            raise ValueError(
                "expected aligned modalities to have the same number of steps in a sample. "
                f"Received: {found} in sample {i}. Leave `aligned` out if they do not share "
                "their steps."
            )
        present = np.array([x.present for x in arrays])
        starts, stops = np.array([x.ends for x in arrays]).transpose(1, 0, 2)
        start = np.where(present, starts, np.iinfo(int).max).min(axis=0)
        start = np.where(present.any(axis=0), start, 0)
        stop = np.where(present, stops, 0).max(axis=0)
        for x in arrays:
            x.cut(start, stop)

    def _sequences(self):
        return [(name, x) for name, x in self._arrays.items() if isinstance(x, Sequences)]

    def _check_some_input(self):
        present = np.any([x.present for x in self._arrays.values()], axis=0)
        if not present.all():
            raise ValueError(
                "expected every sample to have at least one step that is not all zeros in at least "
                f"one modality. Received: {np.sum(~present)} empty sample(s), the first at "
                f"position {np.argmin(present)}. Leave them out."
            )


def _held(name, samples, shape, clean):
    if isinstance(samples, list | tuple):
        first = next((x for x in samples if x is not None), None)
        is_image = isinstance(shape, tuple | list) or np.ndim(first) == 3
    elif samples is None:
        is_image = isinstance(shape, tuple | list)
    else:
        is_image = np.ndim(samples) == 4
    return (Images if is_image else Sequences)(name, samples, shape, clean)


def _check_names(inputs, modalities):
    if not isinstance(inputs, dict) or not inputs:
        what = "an empty dict" if isinstance(inputs, dict) else type(inputs).__name__
        raise ValueError(
            f"expected inputs to be a dict of modality name to arrays. Received: {what}"
        )
    if modalities is None:
        return
    missing = [name for name in modalities if name not in inputs]
    unknown = [name for name in inputs if name not in modalities]
    if not missing and not unknown:
        return
    hints = [f"{name!r} is not among them" for name in unknown]
    for i, name in enumerate(unknown):
        if close := close_to(name, missing or modalities):
            hints[i] += f" (is it {close[0]!r}?)"
    hints += [f"{name!r} is missing (give None or zeros if it is absent)" for name in missing]
    raise ValueError(
        f"expected inputs to have the modalities {', '.join(map(repr, modalities))}. "
        f"Received: {', '.join(map(repr, inputs))}; {'; '.join(hints)}"
    )
