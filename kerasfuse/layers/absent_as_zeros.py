"""AbsentAsZeros: stand one padded step in for a modality that was not given."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class AbsentAsZeros(keras.layers.Layer):
    """Replace modalities that are `None` by zeros: a sequence by one step, an image by a black one.

    The step is padding to every other layer.

    Args:
        modalities: dict of modality name to feature width, or to the shape of an image, `[height,
            width, channels]`.

    Call arguments:
        inputs: dict of modality name to tensor `(batch, steps, features)`, or `(batch, height,
            width, channels)`, or `None`.

    Returns:
        The dict, without `None`.

    Raises:
        ValueError: when every modality is `None`, so that the batch size is unknown.

    Example:

    >>> layer = AbsentAsZeros({"text": 300, "audio": 74})
    >>> layer({"text": np.ones((2, 9, 300)), "audio": None})["audio"].shape   # (2, 1, 74)
    """

    def __init__(self, modalities, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.modalities = dict(modalities)

    def call(self, inputs):
        present = [x for x in inputs.values() if x is not None]
        if not present:
            raise ValueError(
                f"expected at least one of the modalities {list(self.modalities)} to be an array. "
                "Received: None for each of them"
            )
        batch = ops.shape(present[0])[0]
        dtype = present[0].dtype
        shapes = {
            name: (1, size) if isinstance(size, int) else tuple(size)
            for name, size in self.modalities.items()
        }
        return {
            name: ops.zeros((batch, *shape), dtype) if inputs[name] is None else inputs[name]
            for name, shape in shapes.items()
        }

    def compute_output_spec(self, inputs):
        return {name: keras.KerasTensor(inputs[name].shape, inputs[name].dtype) for name in inputs}

    def get_config(self):
        return {**super().get_config(), "modalities": self.modalities}
