"""ModalityDropout: batches in which samples lack modalities at random."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasfuse.datasets.batching.served import Served
from kerasfuse.nearest_names import nearest


class ModalityDropout(Served):
    """Serve the batches of a data set, with modalities of samples left out at random.

    Each sample lacks modality m with probability `rates[m]`, all zeros being what an absent
    modality is. A sample that would lack all of them keeps one that it has. What may be absent
    later has then been absent in training, and no model can lean on one modality alone. Draws are a
    function of the seed, the epoch and the batch, so that a run that is resumed sees the same.

    Reference: Neverova, Wolf, Taylor, Nebout, "ModDrop: Adaptive Multi-Modal Gesture Recognition",
    IEEE TPAMI 2016.

    Args:
        batches: `Batches`, or what serves them otherwise, such as `Companions`.
        rates: dict of modality name to a probability below 1.

    Raises:
        ValueError: for a name that is not among the modalities, and for a rate outside [0, 1).

    Example:

    >>> train = kerasfuse.datasets.load("simulated", split="train", num_samples=64, batch_size=8)
    >>> inputs, labels = ModalityDropout(train, {"audio": 0.5})[0]
    """

    def __init__(self, batches: Any, rates: Mapping[str, float]) -> None:
        super().__init__(batches)
        check_rates(rates)
        known = list(self.origin.modalities)
        for name in rates:
            if name not in known:
                raise ValueError(
                    f"expected rates of some of {', '.join(known)}. Received: {name!r}. "
                    f"{nearest(name, known)}"
                )
        self.rates = dict(rates)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = range(len(self))[index]
        inputs, *others = self.batches[index]
        # Apart from what orders the samples, and from what draws companions.
        generator = np.random.default_rng([self.origin.seed, self.epoch, index, 1])
        names = [name for name in inputs if name != "sample_number"]
        present = np.stack([_any(inputs[name]) for name in names])
        rates = np.array([self.rates.get(name, 0.0) for name in names])
        kept = present & (generator.random(present.shape) >= rates[:, None])
        # Where none is left, one of those that were there.
        last = (generator.random(present.shape) * present).argmax(axis=0)
        last = present & (np.arange(len(names))[:, None] == last)
        kept = np.where(kept.any(axis=0), kept, last)
        for place, name in enumerate(names):
            x = inputs[name]
            shape = (-1,) + (1,) * (x.ndim - 1)
            inputs[name] = x * kept[place].reshape(shape).astype(x.dtype)
        return (inputs, *others)


def check_rates(rates):
    """Refuse anything but a dict of names to probabilities below 1.

    Raises:
        ValueError: for anything else.
    """
    valid = isinstance(rates, Mapping) and all(
        isinstance(rate, int | float) and not isinstance(rate, bool) and 0 <= rate < 1
        for rate in rates.values()
    )
    if not valid:
        raise ValueError(
            "expected a probability from 0 below 1 for each modality that is left out at times, "
            f"such as {{'audio': 0.3}}. Received: {rates!r}"
        )


def _any(x):
    return x.reshape(len(x), -1).any(axis=1)
