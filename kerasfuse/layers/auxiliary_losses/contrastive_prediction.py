"""ContrastivePrediction: the fused vector must tell which sample each modality is of."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss
from kerasfuse.ops import unit_vectors


@keras.saving.register_keras_serializable("kerasfuse")
class ContrastivePrediction(AuxiliaryLoss):
    """Add to the loss how badly a fused vector tells a modality's from those of other samples.

        L = -weight x mean over samples b of log (exp s_bb / sum_b' exp s_bb')
        s_bb' = cos(x_b, G z_b'),   G linear

    in training only; `b'` runs over the batch: on several devices over the whole of it, gathered.

    Reference: van den Oord et al., "Representation Learning with Contrastive Predictive Coding",
    2018; Han, Chen, Poria, MMIM, EMNLP 2021, section 3, without a temperature.

    Args:
        weight: factor of the loss.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        x: tensor `(batch, width)`, the vector of a modality.
        z: tensor `(batch, width')`, the fused vector.

    Returns:
        `inputs`.

    Example:

    >>> y = ContrastivePrediction(weight=0.1)(y, x=audio, z=fused)
    """

    loss_name = "contrastive"

    def build(self, inputs_shape, x_shape, z_shape):
        self.predict = keras.layers.Dense(x_shape[-1], name="predict", dtype=self.dtype_policy)
        self.predict.build(z_shape)

    def call(self, inputs, x, z, training=None):
        if training:
            x, predicted = (backend.gathered(unit_vectors(v)) for v in (x, self.predict(z)))
            similarities = ops.matmul(x, ops.transpose(predicted))
            own = ops.sum(x * predicted, axis=-1)
            self.add_value(ops.mean(ops.logsumexp(similarities, axis=-1) - own))
        return inputs
