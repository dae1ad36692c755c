"""Batches that worker processes read ahead, one after the other."""

from kerasfuse.optional_packages import require

# Batches that wait in each process.
_BUFFERED = 4
_ENDLESS = 2**62


class Stream:
    """Read batches in processes, from a position on, and give them in order.

    Args:
        read: function of a position, which is pickled.
        workers: number of processes.
        position: of the first batch.
    """

    def __init__(self, read, workers, position):
        grain = require("grain", 'loader="grain"', "scale")
        one_by_one = grain.ReadOptions(num_threads=1, prefetch_buffer_size=1)
        options = grain.MultiprocessingOptions(workers, per_worker_buffer_size=_BUFFERED)
        self._batches = iter(
            grain.MapDataset.range(position, _ENDLESS)
            .map(read)
            .to_iter_dataset(one_by_one)
            .mp_prefetch(options)
        )
        self.position = position

    def next(self):
        """Give the batch at `position`, which moves on."""
        batch = next(self._batches)
        self.position += 1
        return batch

    def close(self):
        """End the processes."""
        self._batches.close()
