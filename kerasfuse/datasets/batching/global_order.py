"""The order of all samples in every epoch, of which no list is held."""

import numpy as np

from kerasfuse.optional_packages import require


class GlobalOrder:
    """Give the rows of any batch of any epoch, computed when they are asked for.

    All samples are shuffled together, by a permutation of indices that is a function; each host
    then takes every n-th place. So hosts share no sample in an epoch, and have all together.

    Args:
        num_samples: number of samples of all hosts.
        batch_size: samples a batch.
        shuffle: whether each epoch has a new order.
        seed: of the order.
        shard: number of this host from 0, and how many hosts there are.
    """

    def __init__(self, num_samples, batch_size, shuffle, seed, shard=(0, 1)):
        self._told = (num_samples, batch_size, shuffle, seed, shard)
        grain = require("grain", 'loader="grain"', "scale")
        host, hosts = shard
        order = grain.MapDataset.range(num_samples)
        if shuffle:
            # grain counts the seed up with each epoch; neighbouring seeds must not be neighbours.
            order = order.shuffle(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        self._batches = order[host::hosts].batch(batch_size, batch_fn=np.array)

    def __reduce__(self):
        return type(self), self._told

    def __len__(self):
        return len(self._batches)

    def rows(self, position):
        """Give the positions, in stored order, of the samples of a batch.

        Args:
            position: number of the batch, counted through all epochs.
        """
        return self._batches[position]
