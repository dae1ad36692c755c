"""Served: the batches of a data set, served otherwise."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


class Served(keras.utils.PyDataset):
    """Stand in for `Batches` wherever they are trained on; a subclass says what a batch is.

    Args:
        batches: `Batches`, or what serves them otherwise.
    """

    def __init__(self, batches: Any) -> None:
        super().__init__()
        self.batches = batches

    @property
    def origin(self) -> Any:
        """The `Batches` below."""
        return getattr(self.batches, "origin", self.batches)

    @property
    def epoch(self) -> int:
        """Number that the order and the draws depend on, from 0."""
        return self.batches.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self.batches.epoch = value

    @property
    def numbered(self) -> bool:
        """Whether batches hold the numbers of their samples, as of the batches."""
        return self.batches.numbered

    @numbered.setter
    def numbered(self, value: bool) -> None:
        self.batches.numbered = value

    @property
    def aligned(self) -> tuple[str, ...]:
        """Names of the modalities that share their steps, as of the batches."""
        return self.batches.aligned

    @property
    def num_samples(self) -> int:
        """Number of samples, as of the batches."""
        return self.batches.num_samples

    def __len__(self) -> int:
        return len(self.batches)

    def share(self, rank: int, ranks: int) -> Any:
        """Serve one device of several: see `Batches.share`."""
        from kerasfuse.datasets.batching.share import Share

        return Share(self, rank, ranks)

    def places(self, index: int, places: Sequence[int]) -> np.ndarray:
        """Give the rows of a batch that hold the samples at some of its places."""
        return self.batches.places(index, places)

    def part(self, index: int, places: Sequence[int]) -> tuple[Any, ...]:
        """Give the rows of a batch that hold the samples at some of its places, as in the whole."""
        rows = self.places(index, places)
        return keras.tree.map_structure(lambda x: x[rows], self[index])

    def on_epoch_end(self) -> None:
        self.batches.on_epoch_end()
