"""RepresentationLoss: compare inner representations of a model by their labels."""

import keras

from kerasfuse import backend
from kerasfuse.layers.auxiliary_losses.supervised_auxiliary_loss import SupervisedAuxiliaryLoss


@keras.saving.register_keras_serializable("kerasfuse")
class RepresentationLoss(SupervisedAuxiliaryLoss):
    """Add a loss of labels and inner representations to that of the task, in training only.

        L = L_task + weight x loss(y, representations)

    See `SupervisedAuxiliaryLoss` for the way to the labels. On several devices labels and
    representations are gathered, so that the loss is that of the whole batch; but not for a loss
    whose `compares_batch` is false, as no sample is compared with what another device may have.

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
        super().__init__(weight, **kwargs)
        self.loss = loss
        self.loss_name = loss.name
        self.built = True

    def call(self, inputs, representations, training=None):
        if training:
            self.keep(dict(representations))
        return inputs

    def label_loss(self, y, numbers=None):
        (representations,) = self.take()
        if getattr(self.loss, "compares_batch", True):
            y = backend.gathered(y)
            representations = {m: backend.gathered(x) for m, x in representations.items()}
        return self.loss(y, representations)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
