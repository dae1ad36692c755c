"""SentimentCrossEntropy: regression labels as seven classes."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasfuse")
class SentimentCrossEntropy(keras.losses.Loss):
    """Classify a real-valued sentiment into the seven classes of Acc-7.

        loss = log sum_k exp(z_k) - z_c,   c = round(clip(y, -3, 3)),   k = -3, ..., 3

    with halves rounded to even, as Acc-7 does. MICA (Liang et al., ICCV 2021, section 3.4) calls
    its task loss L_p a cross-entropy, although CMU-MOSI and CMU-MOSEI carry real-valued
    labels. The recipes here follow MulT's protocol, `loss="mae"` on one output; this loss is the
    literal reading, for a model with `num_outputs=7`. The sentiment metrics read its seven logits
    as the expected value of the class (their argument `seven_logits`).

    Computed in float32 whatever the precision policy.

    Args:
        reduction: as in `keras.losses.Loss`.
        name: name of the loss.

    Call arguments:
        y_true: (batch,), (batch, 1) or (batch, 1, 1) labels in [-3, 3].
        y_pred: (batch, 7) logits of the classes -3 to 3.

    Raises:
        ValueError: other shapes.

    Example:

    >>> loss = SentimentCrossEntropy()
    >>> round(float(loss(ops.ones((2, 1)), ops.zeros((2, 7)))), 4)  # log 7
    1.9459
    """

    def __init__(self, reduction="sum_over_batch_size", name="sentiment_cross_entropy"):
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def call(self, y_true, y_pred):
        if len(y_pred.shape) != 2 or y_pred.shape[-1] != 7:
            raise ValueError(
                "`y_pred` expected seven logits, (batch, 7), as of a model with num_outputs=7. "
                f"Received: y_pred.shape={y_pred.shape}"
            )
        if any(size != 1 for size in y_true.shape[1:]):
            raise ValueError(
                "`y_true` expected one label per sample, (batch,) or (batch, 1). "
                f"Received: y_true.shape={y_true.shape}"
            )
        nearest = ops.round(ops.clip(ops.reshape(y_true, (-1,)), -3.0, 3.0))
        return ops.sparse_categorical_crossentropy(
            ops.cast(nearest + 3.0, "int32"), y_pred, from_logits=True
        )
