"""ClassEntropy: spread what a modality says within each class."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.layers.auxiliary_losses.supervised_auxiliary_loss import SupervisedAuxiliaryLoss
from kerasfuse.ops.class_entropy import two_class_entropy


@keras.saving.register_keras_serializable("kerasfuse")
class ClassEntropy(SupervisedAuxiliaryLoss):
    """Take the entropy of projected vectors off the loss, in training only.

        L = -weight x H(tanh(W x + b))

    with H the entropy of two Gaussians, one of the samples with labels above a boundary, one below,
    see `two_class_entropy`. A batch alone has few samples, so that those of the steps before count,
    too, as they were then. On several devices the batch is the whole one, gathered.

    Reference: Han, Chen, Poria, "Improving Multimodal Fusion with Hierarchical Mutual Information
    Maximization for Multimodal Sentiment Analysis" (MMIM), EMNLP 2021, section 3: together with
    `GaussianLikelihood` a bound of mutual information from below.

    Args:
        units: width of the projection.
        weight: factor of the loss.
        boundary: label between the two classes.
        memory_size: number of samples before the batch that count.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        x: tensor `(batch, width)`.

    Returns:
        `inputs`.

    Example:

    >>> y = ClassEntropy(units=16, weight=0.1)(y, x=audio)
    """

    loss_name = "entropy"

    def __init__(self, units, weight=1.0, boundary=0.0, memory_size=64, **kwargs):
        super().__init__(weight, **kwargs)
        self.units = units
        self.boundary = boundary
        self.memory_size = memory_size

    def build(self, inputs_shape, x_shape):
        self.project = keras.layers.Dense(
            self.units, activation="tanh", name="project", dtype=self.dtype_policy
        )
        self.project.build(x_shape)
        # Features, label, and whether the row holds a sample.
        self.memory = self.add_weight(
            shape=(self.memory_size, self.units + 2),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
            name="memory",
        )

    def call(self, inputs, x, training=None):
        if training:
            self.keep(ops.cast(self.project(x), "float32"))
        return inputs

    def label_loss(self, y, numbers=None):
        """Return -H of the step that was just computed and those before, and remember it.

        Args:
            y: labels `(batch, 1)`.
            numbers: not used.
        """
        (x,) = map(backend.gathered, self.take())
        y = backend.gathered(ops.reshape(ops.cast(y, "float32"), (-1, 1)))
        rows = ops.concatenate([x, y, ops.ones_like(y)], axis=1)
        rows = ops.concatenate([rows, self.memory.value], axis=0)
        self.memory.assign(ops.stop_gradient(rows[: self.memory_size]))
        x, y, is_sample = rows[:, : self.units], rows[:, self.units : -1], rows[:, -1:]
        return -two_class_entropy(x, y, self.boundary, is_sample)

    def get_config(self):
        config = {
            "units": self.units,
            "boundary": self.boundary,
            "memory_size": self.memory_size,
        }
        return {**super().get_config(), **config}
