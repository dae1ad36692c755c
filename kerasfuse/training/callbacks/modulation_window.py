"""Modulate in some epochs only."""

import keras

from kerasfuse.training.callbacks.modulation_of import strategy_of


class ModulationWindow(keras.callbacks.Callback):
    """Let a strategy act from one epoch to another; outside, every coefficient is 1.

    Noise is off outside too. Running means go on, as in the public code of AGM (Li et al., ICCV
    2023), whose coefficients though stay at their last values after the window, which we take for
    a mistake. OGM-GE (Peng et al., CVPR 2022) has the epochs 0 to 50 of 100.

    Args:
        start: first epoch of the window, counted from 0.
        end: its last epoch.

    Raises:
        ValueError: for a window that is none, and when training starts, for a model that is not a
            `kerasfuse.training.Modulated`.

    Example:

    >>> fusion.fit(train, epochs=100, callbacks=[ModulationWindow(0, 50)])
    """

    def __init__(self, start, end):
        super().__init__()
        if not 0 <= start <= end:
            raise ValueError(f"expected 0 <= start <= end. Received: start={start}, end={end}")
        self.start = start
        self.end = end

    def on_train_begin(self, logs=None):
        strategy_of(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        strategy_of(self.model).active.assign(float(self.start <= epoch <= self.end))

    def on_train_end(self, logs=None):
        strategy_of(self.model).active.assign(1.0)
