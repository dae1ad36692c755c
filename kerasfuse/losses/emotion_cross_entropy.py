"""EmotionCrossEntropy: four independent emotions, two logits each."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasfuse")
class EmotionCrossEntropy(keras.losses.Loss):
    """Average the cross-entropy of IEMOCAP's four independent emotions.

        loss = 1/4 sum_e ( log(exp(z_e0) + exp(z_e1)) - z_e[y_e] ),   e = 1, ..., 4

    Eight logits are four pairs (absent, present) in the order Neutral, Happy, Sad, Angry, as MulT
    trains them (Tsai et al., ACL 2019, the authors' code); MICA's L_p on IEMOCAP.

    Computed in float32 whatever the precision policy, as softplus of the margin, which neither
    overflows nor loses small losses.

    Args:
        reduction: as in `keras.losses.Loss`.
        name: name of the loss.

    Call arguments:
        y_true: one-hot pairs (batch, 4, 2) or class numbers 0 / 1, (batch, 4).
        y_pred: logits, (batch, 8) or (batch, 4, 2).

    Raises:
        ValueError: other shapes.

    Example:

    >>> loss = EmotionCrossEntropy()
    >>> round(float(loss(ops.ones((2, 4)), ops.zeros((2, 8)))), 4)  # log 2
    0.6931
    """

    def __init__(self, reduction="sum_over_batch_size", name="emotion_cross_entropy"):
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def call(self, y_true, y_pred):
        if tuple(y_pred.shape[1:]) not in ((8,), (4, 2)):
            raise ValueError(
                "`y_pred` expected eight logits, (batch, 8) or (batch, 4, 2). "
                f"Received: y_pred.shape={y_pred.shape}"
            )
        if tuple(y_true.shape[1:]) not in ((4,), (4, 2)):
            raise ValueError(
                "`y_true` expected one-hot pairs (batch, 4, 2) or class numbers (batch, 4). "
                f"Received: y_true.shape={y_true.shape}"
            )
        if len(y_true.shape) == 3:
            y_true = ops.cast(y_true[..., 1] > y_true[..., 0], "float32")
        pairs = ops.reshape(y_pred, (-1, 4, 2))
        margin = pairs[..., 1] - pairs[..., 0]  # (batch, 4)
        return ops.mean(ops.softplus((1.0 - 2.0 * y_true) * margin), axis=-1)
