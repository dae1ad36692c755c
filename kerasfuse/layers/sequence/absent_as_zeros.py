"""AbsentAsZeros: stand one padded step in for a modality that was not given."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class AbsentAsZeros(keras.layers.Layer):
    """Replace modalities that are `None` by zeros: steps of padding, or a black image.

    Args:
        modalities: dict of modality name to feature width, to `None` for integer ids, or to the
            shape of an image, `[height, width, channels]`.
        aligned: whether the modalities share their steps: zeros are as many as the others have, not
            one.

    Call arguments:
        inputs: dict of modality name to tensor `(batch, steps, features)`, of ids `(batch, steps)`,
            or `(batch, height, width, channels)`, or `None`.

    Returns:
        The dict, without `None`.

    Raises:
        ValueError: when every modality is `None`, so that the batch size is unknown.

    Example:

    >>> layer = AbsentAsZeros({"text": 300, "audio": 74})
    >>> layer({"text": np.ones((2, 9, 300)), "audio": None})["audio"].shape   # (2, 1, 74)
    """

    def __init__(self, modalities, aligned=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.modalities = dict(modalities)
        self.aligned = aligned

    def call(self, inputs):
        present = [x for x in inputs.values() if x is not None]
        if not present:
            raise ValueError(
                f"expected at least one of the modalities {list(self.modalities)} to be an array. "
                "Received: None for each of them"
            )
        batch, steps = ops.shape(present[0])[:2]
        filled = dict(inputs)
        for name in [name for name, x in inputs.items() if x is None]:
            size = self.modalities[name]
            if size is None:
                # Two: Keras' attention, in an encoder that reads ids, warns of a sequence of one.
                filled[name] = ops.zeros((batch, steps if self.aligned else 2), "int32")
            elif isinstance(size, int):
                filled[name] = ops.zeros((batch, steps if self.aligned else 1, size))
            else:
                filled[name] = ops.zeros((batch, *size))
        return {name: filled[name] for name in self.modalities}

    def compute_output_spec(self, inputs):
        return {name: keras.KerasTensor(inputs[name].shape, inputs[name].dtype) for name in inputs}

    def get_config(self):
        config = {"modalities": self.modalities, "aligned": self.aligned}
        return {**super().get_config(), **config}
