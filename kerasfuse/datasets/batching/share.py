"""Share: what one device of several gets of every batch."""

from typing import Any

from kerasfuse.datasets.batching.served import Served


class Share(Served):
    """Serve the rows of every batch that one device of several works on.

    The devices take the samples of a batch in order, in pieces that differ by one sample at most,
    the larger ones first. So in every epoch all of them together see the batches that one device
    would see alone: the same samples, in the same order, trimmed, padded and drawn alike. A batch
    of fewer samples than there are devices is whole on each of them.

    `Batches` read no more than the device's own samples.

    Args:
        batches: `Batches`, or what serves them otherwise.
        rank: number of the device, from 0.
        ranks: how many there are.

    Raises:
        ValueError: for a number of devices below 1, or a rank that is not below it.

    Example:

    >>> train = kerasfuse.datasets.load("simulated", split="train", num_samples=64, batch_size=8)
    >>> inputs, labels = train.share(0, 3)[0]
    >>> len(labels), train.share(0, 3).counts(0)
    (3, [3, 3, 2])
    """

    def __init__(self, batches: Any, rank: int, ranks: int) -> None:
        super().__init__(batches)
        whole = all(isinstance(x, int) and not isinstance(x, bool) for x in (rank, ranks))
        if not whole or not 0 <= rank < ranks:
            raise ValueError(
                "expected a rank from 0 below the number of ranks. Received: "
                f"rank={rank!r}, ranks={ranks!r}"
            )
        self.rank = rank
        self.ranks = ranks

    def counts(self, index: int) -> list[int] | None:
        """Return how many samples of a batch each device has; `None` where each has all of it."""
        samples = len(self.origin.rows(index))
        if samples < self.ranks:
            return None
        return [samples // self.ranks + (rank < samples % self.ranks) for rank in range(self.ranks)]

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = range(len(self))[index]
        counts = self.counts(index)
        if counts is None:
            return self.batches[index]
        first = sum(counts[: self.rank])
        return self.batches.part(index, range(first, first + counts[self.rank]))
