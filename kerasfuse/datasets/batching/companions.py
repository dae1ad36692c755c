"""Companions: batches in which every sample brings similar and dissimilar ones along."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasfuse.datasets.batching.batches import Batches
from kerasfuse.datasets.batching.served import Served
from kerasfuse.datasets.batching.similar_samples import similar_samples

_DRAWN = 2  # from each list


class Companions(Served):
    """Serve the batches of a data set with six companions of each sample.

    Of the B samples of a batch, the anchors, each brings two similar samples of its class, two
    dissimilar ones of other classes, and two similar ones of other classes: 7 B rows, of which row
    B c + i is companion c of anchor i, and the first B are the anchors. Each is drawn from the ten
    best of its kind, without replacement, by a function of the seed, the epoch and the batch alone.

    Companions have sample weight 0, so that the task's loss and weighted metrics are those of the
    anchors, which have weight 7: Keras divides a loss by the number of rows. A model with
    `pairs="companions"` contrasts them, see `kerasfuse.losses.DualStreamContrast`.

    Samples are similar by the cosine of representations: of the model's, once
    `kerasfuse.training.callbacks.RefreshCompanions` has called `refresh`; before that, of means of
    the raw features over real steps, each column scaled to [-1, 1] over the data set. A class is
    an interval of labels, round(label / class_width).

    A sample that is alone in its class is its own companion, which under dropout is another view of
    it; one with a single other member has it twice.

    Reference: DAHB, section 3.3, and the sampler of its authors' later release, which scales audio
    and vision so, but not text. The release draws from a part of the ranking on some data sets;
    here it is the ten best everywhere.

    Args:
        batches: `Batches` with labels, one a sample.
        class_width: width of a class: 1 for class numbers, CMU-MOSI and CMU-MOSEI, 0.2 for CH-SIMS.

    Raises:
        ValueError: without labels, with several a sample, or with all samples in one class.

    Example:

    >>> train = kerasfuse.datasets.load("simulated", split="train", num_samples=64, batch_size=8)
    >>> inputs, labels, weights = Companions(train)[0]
    >>> len(labels), weights.sum()
    (56, 56.0)
    """

    def __init__(self, batches: Batches, class_width: float = 1.0) -> None:
        super().__init__(batches)
        if not isinstance(batches, Batches) or batches.labels is None:
            raise ValueError(
                "expected `kerasfuse.datasets.Batches` with labels, as companions are of the same "
                f"class or not. Received: {batches!r}"
            )
        if batches.labels.shape[1:] != (1,):
            raise ValueError(
                "expected one label a sample, to tell which samples are of one class. "
                f"Received: labels of shape {batches.labels.shape}"
            )
        self.class_width = class_width
        self._classes = np.round(batches.labels[:, 0] / class_width)
        self._lists: Mapping[str, np.ndarray] | None = None

    @property
    def lists(self) -> Mapping[str, np.ndarray]:
        """What companions are drawn from: name -> `(samples, 10)`, see `similar_samples`."""
        if self._lists is None:
            self._lists = similar_samples(_raw_means(self.batches), self._classes)
        return self._lists

    @lists.setter
    def lists(self, value: Mapping[str, np.ndarray] | None) -> None:
        self._lists = value

    def refresh(self, representations: np.ndarray) -> None:
        """Rank all samples anew.

        Args:
            representations: array `(samples, width)`, in stored order.
        """
        self._lists = similar_samples(representations, self._classes)

    def rows(self, index: int) -> np.ndarray:
        """Give the positions of the rows of a batch in stored order: anchors, then companions."""
        anchors = self.batches.rows(index)
        generator = np.random.default_rng([self.batches.seed, self.epoch, index])
        drawn = [_draw(found[anchors], anchors, generator) for found in self.lists.values()]
        return np.concatenate([anchors, *(column for pair in drawn for column in pair.T)])

    def places(self, index: int, places: Sequence[int]) -> np.ndarray:
        """Give the rows of anchors at some places and of their companions, in this order."""
        anchors = len(self.batches.rows(index))
        groups = np.arange(len(self.lists) * _DRAWN + 1)
        return (groups[:, None] * anchors + np.asarray(places)).ravel()

    def part(self, index: int, places: Sequence[int]) -> tuple[Any, ...]:
        """Make a batch of the anchors at some places and their companions, padded as the whole."""
        index = range(len(self))[index]
        whole = self.rows(index)
        rows = whole[self.places(index, places)]
        inputs, labels, *own = self.batches.gather(
            rows, unlike=self.rows(0) if index == 1 else None, beside=whole
        )
        weights = np.zeros(len(rows), "float32")
        weights[: len(places)] = len(rows) / len(places)
        if own:
            weights *= own[0]
        return inputs, labels, weights

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.part(index, range(len(self.batches.rows(index))))


def _draw(candidates, anchors, generator):
    """Draw two of the candidates of each anchor, `(anchors, 2)`."""
    key = np.where(candidates >= 0, generator.random(candidates.shape), np.inf)
    chosen = np.take_along_axis(candidates, np.argsort(key, axis=1)[:, :_DRAWN], axis=1)
    chosen = np.pad(chosen, [(0, 0), (0, _DRAWN - chosen.shape[1])], constant_values=-1)
    first = np.where(chosen[:, 0] >= 0, chosen[:, 0], anchors)
    return np.stack([first, np.where(chosen[:, 1] >= 0, chosen[:, 1], first)], axis=1)


def _raw_means(batches):
    """Average the features of each sample over its real steps, columns scaled to [-1, 1]."""
    rows = np.arange(batches.num_samples)
    size = batches.batch_size
    parts = []
    for start in range(0, len(rows), size):
        inputs = batches.gather(rows[start : start + size])[0]
        parts.append(np.concatenate([_mean(x) for x in inputs.values() if x.ndim > 2], axis=1))
    means = np.concatenate(parts)
    low, high = means.min(axis=0), means.max(axis=0)
    return 2.0 * (means - low) / np.where(high > low, high - low, 1.0) - 1.0


def _mean(x):
    if x.ndim == 4:
        return x.reshape(len(x), -1)
    real = (x != 0).any(axis=-1)
    return x.sum(axis=1) / np.maximum(real.sum(axis=1), 1)[:, None]
