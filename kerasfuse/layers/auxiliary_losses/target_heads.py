"""TargetHeads: let every stream predict the label on its own, while training."""

import keras
from keras import ops

from kerasfuse.layers.auxiliary_losses.supervised_auxiliary_loss import SupervisedAuxiliaryLoss


@keras.saving.register_keras_serializable("kerasfuse")
class TargetHeads(SupervisedAuxiliaryLoss):
    """Add the task's loss of a linear head on each of several vectors, in training only.

        L = L_task(y, y^) + weight x mean over m of L_task(y, W_m h_m + b_m)

    A head that reads all vectors together is content if one of them knows the answer, and the
    others then learn little. With heads of their own, every vector has to know it. L_task is the
    loss that the model is compiled with, without sample weights.

    Lee, Xie, Gallagher, Zhang, Tu, "Deeply-Supervised Nets", AISTATS 2015, section 2, where the
    heads stand on layers of one stack.

    Args:
        num_outputs: width of the labels, or number of classes.
        weight: factor of the loss.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        vectors: dict of name to tensor `(batch, width)`.

    Returns:
        `inputs`.

    Raises:
        ValueError: in training, for a model with a loss for each of several outputs.

    Example:

    >>> y = TargetHeads(num_outputs=1, weight=0.3)(y, vectors={"text": text, "audio": audio})
    """

    loss_name = "heads"

    def __init__(self, num_outputs=1, weight=1.0, **kwargs):
        super().__init__(weight, **kwargs)
        self.num_outputs = num_outputs

    def build(self, inputs_shape, vectors_shape):
        self.heads = {
            m: keras.layers.Dense(self.num_outputs, dtype="float32", name=f"{m}_head")
            for m in vectors_shape
        }
        for m, head in self.heads.items():
            head.build(vectors_shape[m])

    def call(self, inputs, vectors, training=None):
        if training:
            self.keep({m: head(vectors[m]) for m, head in self.heads.items()})
        return inputs

    def label_loss(self, y, numbers=None):
        (predictions,) = self.take()
        losses = [self.task_loss(y, prediction) for prediction in predictions.values()]
        return ops.mean(ops.stack(losses))

    def get_config(self):
        return {**super().get_config(), "num_outputs": self.num_outputs}
