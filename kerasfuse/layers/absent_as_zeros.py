"""AbsentAsZeros: stand one padded step in for a modality that was not given."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class AbsentAsZeros(keras.layers.Layer):
    """Replace modalities that are `None` by one step of zeros, padding to every other layer.

    Args:
        modalities: dict of modality name to feature width, `None` for integer ids.

    Call arguments:
        inputs: dict of modality name to tensor `(batch, steps, features)`, or ids `(batch, steps)`,
            or `None`.

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
        widths = self.modalities
        dtype = next((x.dtype for m, x in inputs.items() if x is not None and widths[m]), None)
        return {
            name: _zeros(batch, width, dtype) if inputs[name] is None else inputs[name]
            for name, width in widths.items()
        }

    def compute_output_spec(self, inputs):
        return {name: keras.KerasTensor(inputs[name].shape, inputs[name].dtype) for name in inputs}

    def get_config(self):
        return {**super().get_config(), "modalities": self.modalities}


def _zeros(batch, width, dtype):
    if width is None:
        # Two: Keras' attention, in the encoder that reads ids, warns of a sequence of one.
        return ops.zeros((batch, 2), "int32")
    return ops.zeros((batch, 1, width), dtype)
