"""Keep the weights of every epoch."""

import pathlib

import keras
import numpy as np

from kerasfuse import atomic
from kerasfuse.training.saving import save_weights
from kerasfuse.training.storage import store


class KeepEpochs(keras.callbacks.Callback):
    """Write the weights of every epoch into a folder, compressed and in float16.

    Epoch k is `epoch_k.weights.h5`, with k from 1 in four digits. It must stand before a
    `RunCheckpoint` in the list given to `fit`: what the checkpoint counts as done is then there.
    Weights that are not finite are not kept, as nobody could choose them.

    Args:
        folder: where to write.
        plain_model: an uncompiled model of the same architecture, used to save weights without the
            optimizer's.

    Example:

    >>> import kerasfuse
    >>> plain_model = kerasfuse.zoo.load("mica_mosei", weights=None)
    >>> KeepEpochs("my-run/epochs", plain_model).path(3).name
    'epoch_0003.weights.h5'
    """

    def __init__(self, folder, plain_model):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.plain_model = plain_model

    def path(self, epoch):
        """Return the path of the weights of an epoch, counted from 1."""
        return self.folder / f"epoch_{epoch:04d}.weights.h5"

    def on_epoch_end(self, epoch, logs=None):
        # Of a modulated model, the model that it wraps.
        trained = getattr(self.model, "model", self.model)
        weights = trained.get_weights()
        if not all(np.isfinite(array).all() for array in weights):
            return
        self.plain_model.set_weights(weights)
        path = self.path(epoch + 1)
        with atomic.replacing(path) as temporary:
            save_weights(self.plain_model, temporary)
            store(temporary, temporary, "float16")
