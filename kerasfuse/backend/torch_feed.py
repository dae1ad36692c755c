"""Batches that PyTorch copies to a GPU while it computes."""

import random

import keras
import torch

from kerasfuse.backend.torch_device import default
from kerasfuse.read_ahead import ReadAhead


class DeviceFeed(keras.utils.PyDataset):
    """Serve the batches of a data set as tensors on the GPU, each read during the step before it.

    A thread reads a batch into pinned memory. From there its copy runs beside the kernels, and the
    program does not wait for it. Order and values are those of the data set.

    Args:
        batches: a `keras.utils.PyDataset` of finite length, read by one thread.
        shuffle: whether each epoch draws an order of the batches from Python's own random numbers,
            as `fit` does. `fit` itself must then be told `shuffle=False`, or what is read ahead is
            not what it asks for.
    """

    def __init__(self, batches, shuffle=False):
        super().__init__()
        self._batches, self._shuffle = batches, shuffle
        self._ahead = ReadAhead(1)
        self._epoch, self._order = 0, None

    def __len__(self):
        return self._batches.num_batches

    def __getitem__(self, index):
        if self._order is None:
            self._order = list(range(len(self)))
            if self._shuffle:
                random.shuffle(self._order)
        index = range(len(self))[index]
        batch = self._ahead.get(self._epoch, index, len(self), self._read)
        return keras.tree.map_structure(_on_device, batch, none_is_leaf=False)

    def _read(self, index):
        batch = self._batches[self._order[index]]
        return keras.tree.map_structure(_pinned, batch, none_is_leaf=False)

    def on_epoch_begin(self):
        self._batches.on_epoch_begin()

    def on_epoch_end(self):
        self._batches.on_epoch_end()
        self._epoch, self._order = self._epoch + 1, None


def _pinned(x):
    return torch.as_tensor(x).pin_memory()


def _on_device(x):
    return x.to(default(), non_blocking=True)
