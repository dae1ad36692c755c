"""Record how sharply a model attends while it trains."""

import keras

from kerasfuse.analysis import attention_statistics


class AttentionHistory(keras.callbacks.Callback):
    """Log entropy and largest weight of attention after every epoch, on samples that stay the same.

    The means over maps are logged as `attention_entropy` (1: uniform) and `attention_peak` (1:
    uniform), with queries and keys also `query_norm` and `key_norm`, so `History` and CSV logs have
    them; callbacks that read logs, such as `RunCheckpoint`, stand after this one.

    See `kerasfuse.analysis.attention_statistics`.

    Args:
        batches: `kerasfuse.datasets.Batches` of a few samples, not shuffled, or a dict of modality
            to array, one batch.

    Attributes:
        epochs: list of `AttentionStatistics`, one an epoch, with every layer and pair.

    Raises:
        ValueError: when training starts, for a model that offers no attention.

    Example:

    >>> attention = AttentionHistory(validation[0][0])
    >>> history = model.fit(train, epochs=40, callbacks=[attention])
    >>> history.history["attention_peak"], attention.epochs[-1].sentence()
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_begin(self, logs=None):
        self.epochs = []
        attention_statistics(self._measured, self.batches)

    def on_epoch_end(self, epoch, logs=None):
        found = attention_statistics(self._measured, self.batches)
        self.epochs.append(found)
        if logs is not None:
            renamed = {"entropy": "attention_entropy", "peak": "attention_peak"}
            logs.update({renamed.get(name, name): value for name, value in found.mean.items()})

    @property
    def _measured(self):
        # A modulated model wraps the one that has attention.
        return getattr(self.model, "model", self.model)
