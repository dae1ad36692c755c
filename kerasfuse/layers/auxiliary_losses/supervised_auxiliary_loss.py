"""SupervisedAuxiliaryLoss: an auxiliary loss that needs the labels."""

import types

import keras
from keras import ops

from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss


class SupervisedAuxiliaryLoss(AuxiliaryLoss):
    """Pass a tensor through, and add a named loss of labels and inner tensors, in training only.

        L = L_task + weight x label_loss(y)

    A layer does not see labels in `call`, and a compiled loss sees nothing but outputs. A subclass
    keeps tensors in `call` by `keep`. `compute_loss` of the model has the labels, in the same step
    and the same trace, and calls `label_loss(y, numbers)`, which the subclass defines: it gets the
    tensors back by `take` and returns the loss without its weight. `numbers` are those of the
    training samples, int `(batch,)`, or `None`.

    Args:
        weight: factor of the loss.
    """

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(weight, **kwargs)
        self._kept = types.SimpleNamespace(tensors=None)
        # The loss that the model is compiled with; the model says it before `label_loss`.
        self._task = types.SimpleNamespace(loss=None)

    def keep(self, *tensors):
        """Keep tensors of a training step until its labels are known."""
        self._kept.tensors = tensors

    def take(self):
        """Return what was kept, and forget it."""
        tensors, self._kept.tensors = self._kept.tensors, None
        return tensors

    def hand_over(self):
        return self.take()

    def take_over(self, left):
        self._kept.tensors = left

    @property
    def awaits_labels(self):
        """Whether a training step was computed whose labels are not known yet."""
        return self._kept.tensors is not None

    def learn_task(self, loss):
        """Say the loss of the task, which `task_loss` computes."""
        self._task.loss = loss

    def task_loss(self, y, predictions):
        """Return the task's mean loss of other predictions of its labels."""
        loss = self._task.loss
        if isinstance(loss, (dict, list, tuple)):
            raise ValueError(
                f"{type(self).__name__} expected a model that is compiled with one loss. "
                f"Received: {loss!r}"
            )
        return ops.mean(keras.losses.get(loss)(y, predictions))
