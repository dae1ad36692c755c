"""Freeze a modality gate once it has made up its mind."""

import keras

from kerasfuse.training.callbacks.gate_of import gate_of


class FreezeModalityGate(keras.callbacks.Callback):
    """Freeze the gate when its choice is stable and its weights have come to rest.

    After each epoch the gate's weights w are compared with those after the epoch before. Once

        argmax_m w_m has not changed   and   max_m |w_m - w_m'| < min_delta

    for `patience` epochs in a row, `ModalityGate.freeze` is called; training goes on with the
    hierarchy chosen. The gate's state is part of the model's weights, so a run that is resumed from
    any checkpoint after that finds it frozen. The epochs counted before it come back too where
    `RunCheckpoint` has this callback among its companions; with other checkpoints counting starts
    again.

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition" (HCT-MG), section 5:
    the gate is frozen once its choice converges. What convergence is, the paper leaves open.

    Args:
        min_delta: largest change of a weight between epochs that counts as rest.
        patience: number of epochs in a row that the gate has to rest.

    Attributes:
        frozen_epoch: index of the epoch after which this callback froze the gate, else `None`.

    Raises:
        ValueError: when training starts, for a model without a `ModalityGate` or with several; at
            once, for a `min_delta` that is not positive or a `patience` below 1.

    Example:

    >>> model = kerasfuse.models.HCTMG({"text": 300, "audio": 74, "vision": 35})
    >>> model.compile("adam", "mae")
    >>> model.fit(train, epochs=60, callbacks=[FreezeModalityGate(patience=5)])
    """

    def __init__(self, min_delta=1e-3, patience=5):
        super().__init__()
        if not min_delta > 0 or patience < 1:
            raise ValueError(
                "expected `min_delta` above 0 and `patience` of at least 1 epoch. "
                f"Received: min_delta={min_delta}, patience={patience}"
            )
        self.min_delta = min_delta
        self.patience = patience
        self.wait = 0
        self.frozen_epoch = None

    def on_train_begin(self, logs=None):
        gate_of(self.model)
        self.wait, self.frozen_epoch, self._before = 0, None, None

    def on_epoch_begin(self, epoch, logs=None):
        # Not when training begins: a checkpoint may be loaded after that.
        if self._before is None:
            self._before = gate_of(self.model).probabilities

    def on_epoch_end(self, epoch, logs=None):
        gate = gate_of(self.model)
        if gate.is_frozen:
            return
        before, after = self._before, gate.probabilities
        self._before = after
        moved = max(abs(after[m] - before[m]) for m in after)
        stable = max(after, key=after.get) == max(before, key=before.get)
        self.wait = self.wait + 1 if stable and moved < self.min_delta else 0
        if self.wait >= self.patience:
            gate.freeze()
            self.frozen_epoch = epoch
