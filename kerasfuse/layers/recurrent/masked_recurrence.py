"""MaskedRecurrence: what the recurrent encoders share, a stack that skips padding."""

import keras

from kerasfuse import backend


class MaskedRecurrence(keras.layers.Layer):
    """Encode a sequence by a stack of recurrent layers that skip what is not real.

    Subclasses keep the stack under a name of their own, under which it is saved.

    Args:
        units: width of every layer.
        num_layers: number of layers.
    """

    def __init__(self, units, num_layers=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.num_layers = num_layers

    def build_stack(self, cls, inputs_shape, **options):
        """Build the layers, all of class `cls`, and return them."""
        stack = []
        for index in range(self.num_layers):
            layer = cls(
                self.units,
                return_sequences=True,
                name=f"{cls.__name__.lower()}_{index}",
                dtype=self.dtype_policy,
                **options,
            )
            layer.build((*inputs_shape[:2], self.units if index else inputs_shape[2]))
            stack.append(layer)
        return stack

    def run_stack(self, stack, inputs, mask):
        """Apply the stack, on the backend's fused path where there is one."""
        return backend.masked_recurrence(inputs, mask, stack)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:2], self.units)

    def get_config(self):
        config = {"units": self.units, "num_layers": self.num_layers}
        return {**super().get_config(), **config}
