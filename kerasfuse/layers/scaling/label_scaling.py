"""LabelScaling: outputs in the units of the labels."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("kerasfuse")
class LabelScaling(keras.layers.Layer):
    """Bring outputs that are centred and scaled back to the units of the labels.

        y = mean + deviation z

    Before `adapt` the layer changes nothing. `scaled` is the way back, for a loss in units in which
    labels have mean 0 and deviation 1.

    Call arguments:
        inputs: tensor `(batch, outputs)`.

    Returns:
        Tensor `(batch, outputs)`, float32.

    Example:

    >>> layer = LabelScaling()
    >>> layer.adapt(np.array([[100.0], [120.0]]))
    >>> layer(np.array([[0.0], [1.0]])).tolist()
    [[110.0], [120.0]]
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, inputs_shape):
        def moment(name, initializer):
            return self.add_weight(
                shape=(inputs_shape[-1],),
                initializer=initializer,
                trainable=False,
                dtype="float32",
                # Units of the data do not fit into half precision.
                autocast=False,
                name=name,
            )

        self.mean, self.deviation = moment("mean", "zeros"), moment("deviation", "ones")

    def adapt(self, labels):
        """Measure labels.

        Args:
            labels: array `(samples, outputs)`.

        Raises:
            ValueError: for other shapes, and for labels that are not finite.
        """
        labels = np.asarray(labels, "float64")
        if labels.ndim != 2 or not len(labels) or not np.isfinite(labels).all():
            raise ValueError(
                f"expected finite labels (samples, outputs). Received: shape {labels.shape}"
            )
        if not self.built:
            self.build(labels.shape)
        mean, deviation = labels.mean(axis=0), labels.std(axis=0)
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), np.finfo("float32").tiny)
        self.mean.assign(mean.astype("float32"))
        self.deviation.assign(np.where(constant, 1.0, deviation).astype("float32"))

    def scaled(self, labels):
        """Return labels or outputs `(batch, outputs)`, centred and scaled."""
        return (ops.cast(labels, "float32") - self.mean) / self.deviation

    def call(self, inputs):
        return ops.cast(inputs, "float32") * self.deviation + self.mean

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype="float32")
