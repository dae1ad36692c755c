"""Labels and predictions as flat float32 vectors."""

from keras import ops

SEVEN_LOGITS = ("expected", "argmax")


def labels(y_true):
    """Flatten real or 0/1 labels of shape (batch,), (batch, 1) or (batch, 1, 1) to (batch,).

    Raises:
        ValueError: an axis after the first is longer than 1.
    """
    y_true = ops.cast(ops.convert_to_tensor(y_true), "float32")
    _require_one_value("y_true", y_true, "(batch,) or (batch, 1)")
    return ops.reshape(y_true, (-1,))


def scores(y_pred, seven_logits=None):
    """Read one real score per sample, (batch,), from a model's output.

    A single output is the score. Seven logits z (see `losses.SentimentCrossEntropy`) stand for the
    classes -3 to 3 and are read as the expected value sum_k k softmax(z)_k, or as the most likely
    class argmax(z) - 3.

    Args:
        y_pred: (batch,), (batch, 1), (batch, 1, 1), or (batch, 7) where `seven_logits` is given.
        seven_logits: `"expected"`, `"argmax"`, or `None` where seven logits have no meaning.

    Raises:
        ValueError: the shape is none of these.
    """
    y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
    if seven_logits is None:
        _require_one_value("y_pred", y_pred, "(batch,) or (batch, 1)")
    elif len(y_pred.shape) == 2 and y_pred.shape[-1] == 7:
        if seven_logits == "argmax":
            return ops.cast(ops.argmax(y_pred, axis=-1), "float32") - 3.0
        classes = ops.arange(-3, 4, dtype="float32")
        return ops.sum(ops.softmax(y_pred, axis=-1) * classes, axis=-1)
    else:
        _require_one_value("y_pred", y_pred, "(batch,), (batch, 1) or (batch, 7)")
    return ops.reshape(y_pred, (-1,))


def weights(sample_weight, like):
    """Flatten sample weights to (batch,); ones where there are none."""
    if sample_weight is None:
        return ops.ones_like(like)
    sample_weight = ops.cast(ops.convert_to_tensor(sample_weight), "float32")
    return ops.broadcast_to(ops.reshape(sample_weight, (-1,)), ops.shape(like))


def _require_one_value(argument, values, expected):
    if any(size != 1 for size in values.shape[1:]):
        raise ValueError(
            f"`{argument}` expected shape {expected}. Received: {argument}.shape={values.shape}"
        )
