"""RepresentationLoss: compare inner representations of a model by their labels."""

import types

import keras


@keras.saving.register_keras_serializable("kerasfuse")
class RepresentationLoss(keras.layers.Layer):
    """Add a loss of labels and inner representations to that of the task, in training only.

        L = L_task + weight x loss(y, representations)

    A loss that needs labels can neither be added in `call`, which has none, nor compiled, as
    outputs are all that it would get. What a training step saw waits here until `compute_loss` of
    `kerasfuse.models.FusionModel`, in the same step and the same trace, has the labels.

    Args:
        loss: a `keras.losses.Loss` of labels and a dict of representations, such as
            `kerasfuse.losses.DualStreamContrast`; its name is the one in the progress bar.
        weight: factor of the loss.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        representations: dict of name to tensor `(batch, width)`.

    Returns:
        `inputs`.

    Example:

    >>> contrast = kerasfuse.losses.DualStreamContrast(["text", "audio"])
    >>> y = RepresentationLoss(contrast, weight=0.2)(y, {"text": text, "audio": audio})
    """

    def __init__(self, loss, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.loss = loss
        self.loss_name = loss.name
        self.weight = weight
        self._seen = types.SimpleNamespace(representations=None)
        self.built = True

    def call(self, inputs, representations, training=None):
        if training:
            self._seen.representations = dict(representations)
        return inputs

    @property
    def has_seen_a_step(self):
        """Whether a training step was computed whose labels are not known yet."""
        return self._seen.representations is not None

    def label_loss(self, y, numbers=None):
        """Return the loss of the step that was just computed, without its weight.

        Args:
            y: labels.
            numbers: not used.
        """
        representations, self._seen.representations = self._seen.representations, None
        return self.loss(y, representations)

    def compute_output_spec(self, inputs, representations, training=None):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
