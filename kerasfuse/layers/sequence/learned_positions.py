"""LearnedPositions: a learned vector for each place in time."""

import keras
from keras import ops

from kerasfuse.ops.positions import positions_from_first_valid


@keras.saving.register_keras_serializable("kerasfuse")
class LearnedPositions(keras.layers.Layer):
    """Add a learned vector to each step, by its place after the first real one.

        y_i = x_i + E[min(i - first, max_steps - 1)]

    Padding in front shifts nothing. Steps beyond `max_steps` share the last vector; padded ones get
    some vector, and are to be masked.

    Reference: DAHB's encoders of audio and vision, in its authors' later release, where the vectors
    also start at 0.

    Args:
        max_steps: number of vectors.

    Call arguments:
        inputs: tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`, `True` at real steps.

    Returns:
        Tensor like `inputs`.

    Example:

    >>> LearnedPositions(500)(np.zeros((2, 60, 40)), mask=np.ones((2, 60), bool)).shape
    (2, 60, 40)
    """

    def __init__(self, max_steps, **kwargs):
        super().__init__(**kwargs)
        self.max_steps = max_steps

    def build(self, inputs_shape):
        self.table = self.add_weight(
            shape=(self.max_steps, inputs_shape[-1]), initializer="zeros", name="table"
        )

    def call(self, inputs, mask):
        places = ops.clip(positions_from_first_valid(mask) - 1, 0, self.max_steps - 1)
        return inputs + ops.cast(ops.take(self.table, places, axis=0), inputs.dtype)

    def compute_mask(self, inputs, previous_mask):
        return None  # Masks travel as arguments here.

    def compute_output_shape(self, inputs_shape):
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "max_steps": self.max_steps}
