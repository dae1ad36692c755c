"""How labels and outputs become classes: the field's schemes, by name."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

from kerasfuse.metrics.scores import labels, scores
from kerasfuse.nearest_names import choose

EMOTIONS = ("neutral", "happy", "sad", "angry")
# Those of CMU-MOSEI, any number of which are present.
MOSEI_EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")


@dataclass(frozen=True)
class LabelScheme:
    """Turn labels and outputs into one value per sample, and a value into a class.

    Args:
        num_classes: number of classes.
        classify: values (batch,) to class numbers (batch,), as floats.
        truth: `y_true` to values.
        prediction: `y_pred`, `seven_logits` to values.
        drops_zero: whether samples whose label is exactly 0 are left out.
    """

    num_classes: int
    classify: Callable
    truth: Callable = labels
    prediction: Callable = scores
    drops_zero: bool = False

    def true_classes(self, y_true):
        """Return one-hot rows (batch, classes) and which samples count, (batch,)."""
        values = self.truth(y_true)
        counts = values != 0 if self.drops_zero else ops.ones_like(values, dtype="bool")
        return self._one_hot(values), ops.cast(counts, "float32")

    def predicted_classes(self, y_pred, seven_logits):
        """Return one-hot rows (batch, classes); one that is not finite is all 0."""
        return self._one_hot(self.prediction(y_pred, seven_logits))

    def _one_hot(self, values):
        numbers = ops.arange(self.num_classes, dtype="float32")
        correct = ops.expand_dims(self.classify(values), -1) == numbers
        readable = ops.expand_dims(ops.isfinite(values), -1)
        return ops.cast(ops.logical_and(correct, readable), "float32")


def rounded(limit):
    # ops.round, like NumPy's, rounds half to even: 0.5 -> 0, 1.5 -> 2, -0.5 -> 0.
    return lambda values: ops.round(ops.clip(values, -limit, limit)) + limit


def above(*thresholds):
    # Bins are closed on the right. Scalars compare in the values' float32, so that a float32 0.1
    # is not above 0.1; a float64 array of thresholds would put it in the upper bin.
    def classify(values):
        return sum(ops.cast(values > threshold, "float32") for threshold in thresholds)

    return classify


def not_below_zero(values):
    return ops.cast(values >= 0, "float32")


def single_score(y_pred, seven_logits):
    return scores(y_pred)


def zero_or_one(y_true):
    return 2.0 * labels(y_true) - 1.0


def emotion_label(index):
    def truth(y_true):
        y_true = ops.cast(ops.convert_to_tensor(y_true), "float32")
        if tuple(y_true.shape[1:]) == (len(EMOTIONS), 2):
            return y_true[:, index, 1] - y_true[:, index, 0]
        if tuple(y_true.shape[1:]) == (len(EMOTIONS),):
            return 2.0 * y_true[:, index] - 1.0
        raise ValueError(
            "`y_true` expected one-hot pairs (batch, 4, 2) or class numbers (batch, 4) of "
            f"{', '.join(EMOTIONS)}. Received: y_true.shape={y_true.shape}"
        )

    return truth


def emotion_margin(index):
    def prediction(y_pred, seven_logits):
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        if tuple(y_pred.shape[1:]) not in ((2 * len(EMOTIONS),), (len(EMOTIONS), 2)):
            raise ValueError(
                "`y_pred` expected eight logits, (batch, 8) or (batch, 4, 2), a pair for each of "
                f"{', '.join(EMOTIONS)}. Received: y_pred.shape={y_pred.shape}"
            )
        pairs = ops.reshape(y_pred, (-1, len(EMOTIONS), 2))
        return pairs[:, index, 1] - pairs[:, index, 0]

    return prediction


def present(index):
    def truth(y_true):
        return 2.0 * _column(y_true, index, "y_true", "0 or 1") - 1.0

    return truth


def presence_logit(index):
    def prediction(y_pred, seven_logits):
        return _column(y_pred, index, "y_pred", "a logit")

    return prediction


def _column(values, index, argument, meaning):
    values = ops.cast(ops.convert_to_tensor(values), "float32")
    if tuple(values.shape[1:]) != (len(MOSEI_EMOTIONS),):
        raise ValueError(
            f"`{argument}` expected {meaning} for each of {', '.join(MOSEI_EMOTIONS)}, (batch, "
            f"{len(MOSEI_EMOTIONS)}). Received: {argument}.shape={tuple(values.shape)}"
        )
    return values[:, index]


def as_they_are(values):
    return values


def largest_of(num_classes):
    def prediction(y_pred, seven_logits):
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        if tuple(y_pred.shape[1:]) != (num_classes,):
            raise ValueError(
                f"`y_pred` expected a logit for each class, (batch, {num_classes}). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        number = ops.cast(ops.argmax(y_pred, axis=-1), "float32")
        return ops.where(ops.all(ops.isfinite(y_pred), axis=-1), number, float("nan"))

    return prediction


LABEL_SCHEMES = {
    "mosi_7": LabelScheme(7, rounded(3)),
    "mosi_5": LabelScheme(5, rounded(2)),
    "mosi_3": LabelScheme(3, rounded(1)),
    "mosi_has0": LabelScheme(2, not_below_zero),
    "mosi_non0": LabelScheme(2, above(0.0), drops_zero=True),
    "sims_5": LabelScheme(5, above(-0.7, -0.1, 0.1, 0.7), prediction=single_score),
    "sims_3": LabelScheme(3, above(-0.1, 0.1), prediction=single_score),
    "sims_2": LabelScheme(2, above(0.0), prediction=single_score),
    "logit": LabelScheme(2, above(0.0), truth=zero_or_one, prediction=single_score),
    **{
        f"iemocap_{name}": LabelScheme(2, above(0.0), emotion_label(index), emotion_margin(index))
        for index, name in enumerate(EMOTIONS)
    },
    **{
        f"mosei_{name}": LabelScheme(2, above(0.0), present(index), presence_logit(index))
        for index, name in enumerate(MOSEI_EMOTIONS)
    },
}


def find_label_scheme(name):
    """Return the scheme of a name: one of `LABEL_SCHEMES`, or `classes_N` for a logit of each of N.

    Raises:
        ValueError: there is none of that name.
    """
    if found := re.fullmatch(r"classes_([1-9]\d*)", str(name)):
        count = int(found[1])
        return LabelScheme(count, as_they_are, prediction=largest_of(count))
    return LABEL_SCHEMES[choose("label_scheme", name, LABEL_SCHEMES)]
