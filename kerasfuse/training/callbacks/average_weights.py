"""Validate and keep the running average of weights."""

import keras
from keras import ops


class AverageWeights(keras.callbacks.Callback):
    """Put the running average of the weights into the model from validation to the epoch's end.

        A_1 = W_1,   A_t = m A_(t-1) + (1 - m) W_t      after training step t

    Training goes on with the weights W themselves. Where data are few, the average of the last few
    hundred steps is often better than any of them, and differs less between seeds. The optimizer
    computes it, which must have `use_ema=True` and m as `ema_momentum`.

    It must stand behind the callbacks that keep weights in the list given to `fit`: what they find
    at the end of an epoch is then the average that was validated. `keras.callbacks.SwapEMAWeights`
    is meant for the same; with PyTorch on a processor Keras 3.15 loses the weights themselves,
    because what it puts aside shares their memory.

    Reference: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM
    Journal on Control and Optimization 30 (4), 1992, in its exponential form.

    Attributes:
        holds_average: whether the model holds the average now, and the optimizer the weights.

    Example:

    >>> import kerasfuse
    >>> model = kerasfuse.zoo.load("mica_mosei", weights=None)
    >>> model.compile(keras.optimizers.Adam(use_ema=True, ema_momentum=0.99), loss="mae")

    and then `model.fit(..., validation_data=..., callbacks=[AverageWeights()])`.
    """

    def __init__(self):
        super().__init__()
        self.holds_average = False

    def on_train_begin(self, logs=None):
        # A run that goes on after an interruption begins with what was kept: the average.
        self._hold(False)

    def on_test_begin(self, logs=None):
        self._hold(True)

    def on_epoch_end(self, epoch, logs=None):
        self._hold(False)

    def _hold(self, average):
        if average == self.holds_average:
            return
        optimizer = self.model.optimizer
        pairs = zip(
            self.model.trainable_variables, optimizer._model_variables_moving_average, strict=True
        )
        for variable, other in pairs:
            if other is None:  # of a variable that the optimizer leaves alone
                continue
            held = ops.copy(variable.value)
            variable.assign(other.value)
            other.assign(held)
        self.holds_average = average
