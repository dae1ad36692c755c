"""Batches that are read while the model computes."""

import concurrent.futures


class ReadAhead:
    """Read the batches that come next in threads.

    The workers of Keras begin with batches of the epoch before, and stay behind by these: a
    sample may then come twice in an epoch, and another not at all. What is read here is named by
    its epoch.

    Args:
        threads: how many read at the same time, and how many batches ahead.
    """

    def __init__(self, threads):
        self._threads = threads
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, "read-ahead")
        self._waiting = {}

    def get(self, epoch, index, count, read):
        """Return a batch, and have those behind it read.

        Args:
            epoch, index: which one.
            count: number of batches of an epoch.
            read: function of an index, to be called in any thread.
        """
        # In a thread, too, if nobody foresaw it: with one, nothing is read by two at a time.
        found = self._waiting.pop((epoch, index), None) or self._pool.submit(read, index)
        wanted = [(epoch, i) for i in range(index + 1, min(index + 1 + self._threads, count))]
        # Those of another epoch, or that were jumped over, are not asked for any more.
        self._waiting = {
            key: self._waiting.get(key) or self._pool.submit(read, key[1]) for key in wanted
        }
        return found.result()
