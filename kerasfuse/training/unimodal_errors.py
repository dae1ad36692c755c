"""How good a modality is by itself: the error and the accuracy of its share of the output."""

import keras
import numpy as np
from keras import ops

from kerasfuse import losses as fuse_losses
from kerasfuse.ops.modulation import LARGEST_GAP

_CROSS_ENTROPIES = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.BinaryCrossentropy,
)
_ONE_LABEL = _CROSS_ENTROPIES[:2]
_OURS = (fuse_losses.SentimentCrossEntropy, fuse_losses.EmotionCrossEntropy)
_REGRESSIONS = (keras.losses.MeanSquaredError, keras.losses.MeanAbsoluteError)
_BY_FUNCTION = {
    keras.losses.sparse_categorical_crossentropy: keras.losses.SparseCategoricalCrossentropy,
    keras.losses.categorical_crossentropy: keras.losses.CategoricalCrossentropy,
    keras.losses.binary_crossentropy: keras.losses.BinaryCrossentropy,
    keras.losses.mean_squared_error: keras.losses.MeanSquaredError,
    keras.losses.mean_absolute_error: keras.losses.MeanAbsoluteError,
}


class UnimodalErrors:
    """Measure the share of one modality by the loss that the model is trained with.

    The error is the cross-entropy of each sample, its probabilities held above 1e-8, for the
    cross-entropies of Keras and of this library; the squared or absolute error for a regression
    with `"mse"` or `"mae"`.

    Args:
        loss: what `compile` was given.

    Attributes:
        classifies: whether the errors are cross-entropies.
        has_accuracy: whether each sample has one correct class.

    Raises:
        ValueError: for another loss, or a cross-entropy of probabilities.
    """

    def __init__(self, loss):
        self._loss = _as_loss(loss)
        self.classifies = not isinstance(self._loss, _REGRESSIONS)
        self.has_accuracy = isinstance(self._loss, _CROSS_ENTROPIES)
        self._one_label = isinstance(self._loss, _ONE_LABEL)
        self._sparse = isinstance(self._loss, keras.losses.SparseCategoricalCrossentropy)

    def errors(self, y, share):
        """Return the error of each sample `(batch,)`, float32 and without a gradient."""
        share = ops.stop_gradient(ops.cast(share, "float32"))
        error = self._loss.call(ops.convert_to_tensor(y, dtype="float32"), share)
        error = ops.reshape(ops.cast(error, "float32"), (ops.shape(share)[0], -1))
        error = ops.mean(error, axis=-1)
        return ops.minimum(error, LARGEST_GAP) if self.classifies else error

    def correct(self, y, share):
        """Return 1 where the share alone is right and 0 where not, `None` where that means nothing.

        The largest logit, or the sign of each of binary ones, against the label.
        """
        if not self.has_accuracy:
            return None
        if self._one_label:
            truth = ops.reshape(y, (-1,)) if self._sparse else ops.argmax(y, axis=-1)
            found = ops.argmax(share, axis=-1)
            return ops.cast(ops.cast(truth, "int32") == ops.cast(found, "int32"), "float32")
        right = (ops.reshape(y, ops.shape(share)) > 0.5) == (share > 0)
        return ops.mean(ops.cast(right, "float32"), axis=-1)

    def check_labels(self, labels, outputs):
        """Raise a ValueError for class numbers that the model has no output for."""
        if not self._sparse or labels is None:
            return
        labels = ops.convert_to_numpy(labels) if ops.is_tensor(labels) else np.asarray(labels)
        wrong = ~((labels >= 0) & (labels < outputs))
        if wrong.any():
            raise ValueError(
                f"expected labels from 0 to {outputs - 1}, one for each of the {outputs} outputs. "
                f"Received: {wrong.sum()} others, such as {labels[wrong].ravel()[0]!r}. Give the "
                "model as many outputs as there are classes, or number the classes from 0."
            )


def _as_loss(loss):
    found = keras.losses.get(loss) if isinstance(loss, str) else loss
    if callable(found) and not isinstance(found, keras.losses.Loss) and found in _BY_FUNCTION:
        found = _BY_FUNCTION[found]()
    if not isinstance(found, (*_CROSS_ENTROPIES, *_OURS, *_REGRESSIONS)):
        names = [cls.__name__ for cls in (*_CROSS_ENTROPIES, *_OURS, *_REGRESSIONS)]
        raise ValueError(
            f"expected one loss for one output, of {', '.join(names)}: modalities are compared by "
            f"the loss of each. Received: loss={loss!r}"
        )
    if isinstance(found, _CROSS_ENTROPIES) and not found.from_logits:
        name = type(found).__name__
        raise ValueError(
            f"expected loss=keras.losses.{name}(from_logits=True): the shares of the modalities "
            "add up to the output as logits, not as probabilities (a loss named by a string takes "
            f"probabilities). Received: loss={loss!r}"
        )
    return found


def check_logits(model):
    """Raise a ValueError for a model whose last layer makes probabilities of its logits."""
    layer = model
    while isinstance(layer, keras.Model) and getattr(layer, "outputs", None):
        layer = layer.outputs[0]._keras_history.operation
    name = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__).lower()
    if name in ("softmax", "sigmoid", "log_softmax"):
        raise ValueError(
            "expected a model that ends in logits: the shares of the modalities add up to those. "
            f"Received: {model.name!r}, which ends in {name}. Leave that activation out; "
            "keras.ops.softmax(model.predict(x)) still gives probabilities."
        )
