"""AuxiliaryLoss: what every layer has that adds a named loss beside that of the task."""

import types

import keras


class AuxiliaryLoss(keras.layers.Layer):
    """Pass a tensor through, and add a named loss to the model's, in training only.

        L = L_task + weight x value

    A subclass sets `loss_name` and calls `add_value` in a `call` that returns its `inputs`. The
    models of `kerasfuse.models`, and `kerasfuse.training.Modulated`, show the value without its
    weight under that name: the mean over all layers of one name.

    What passes through keeps its dtype, so that float32 scores stay float32 in mixed precision.
    The other tensors come in the dtype in which they were computed.

    Args:
        weight: factor of the loss.

    Example:

    >>> class Sparsity(kerasfuse.layers.AuxiliaryLoss):
    ...     loss_name = "sparsity"
    ...     def call(self, inputs, x, training=None):
    ...         if training:
    ...             self.add_value(keras.ops.mean(keras.ops.abs(x)))
    ...         return inputs
    """

    loss_name = None

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.weight = weight
        # Not an attribute of the layer itself, where Keras would look into it.
        self._step = types.SimpleNamespace(value=None)

    def add_value(self, value, loss=None):
        """Add the loss of this step, and remember its value until a tracker asks for it.

        Args:
            value: scalar, the loss without its weight.
            loss: what is added; `weight x value` by default.
        """
        self.add_loss(self.weight * value if loss is None else loss)
        self._step.value = value

    def take_value(self):
        """Return the value of the step that was just computed, and forget it; else `None`."""
        value, self._step.value = self._step.value, None
        return value

    def hand_over(self):
        """Return what this step left for later, a tree of tensors, and forget it."""
        return self.take_value()

    def take_over(self, left):
        """Be as after the step that `hand_over` is of."""
        self._step.value = left

    def compute_output_spec(self, inputs, *args, **kwargs):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
