"""NTXent: matching pairs near, all other rows of the batch far."""

import keras
from keras import ops

from kerasfuse import ops as fuse_ops


@keras.saving.register_keras_serializable("kerasfuse")
class NTXent(keras.losses.Loss):
    """Bring each row of one modality near its own row of another, and away from all other rows.

        l_i = -log( exp(s_ii / tau) / sum_j exp(s_ij / tau) ),   s_ij = cos(a_i, x_j)

    The normalised, temperature-scaled cross-entropy in one direction. Scaling an embedding changes
    nothing; a zero vector, an absent modality, has cosine 0 with everything. The loss of a batch
    of one row is 0.

    Reference: Chen et al., SimCLR, ICML 2020, equation 1; DAHB, section 3.2.2.

    Args:
        temperature: tau.
        reduction: as in `keras.losses.Loss`.
        name: name of the loss.

    Call arguments:
        y_true: embeddings x to match, `(batch, width)`; they get gradients like the anchors.
        y_pred: embeddings a of the anchors, `(batch, width)`.

    Example:

    >>> text, audio = np.eye(3), np.eye(3)
    >>> float(NTXent(temperature=0.5)(audio, text))   # log(1 + 2 exp(-2)) = 0.2395...
    """

    def __init__(self, temperature=0.5, reduction="sum_over_batch_size", name="nt_xent"):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.temperature = check_temperature(temperature)

    def call(self, y_true, y_pred):
        anchors, others = fuse_ops.unit_vectors(y_pred), fuse_ops.unit_vectors(y_true)
        logits = ops.matmul(anchors, ops.transpose(others)) / self.temperature
        return ops.logsumexp(logits, axis=1) - ops.diagonal(logits)

    def get_config(self):
        return {
            "temperature": self.temperature,
            "reduction": self.reduction,
            "name": self.name,
        }


def check_temperature(temperature):
    """Return a temperature.

    Raises:
        ValueError: unless it is above 0.
    """
    if not temperature > 0:
        raise ValueError(f"expected `temperature` above 0. Received: {temperature!r}")
    return temperature
