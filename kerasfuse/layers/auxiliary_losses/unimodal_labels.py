"""UnimodalLabels: what each modality would say alone, where only the whole is labelled."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.layers.auxiliary_losses.supervised_auxiliary_loss import SupervisedAuxiliaryLoss
from kerasfuse.ops.label_shift import class_shift, shifted_label


@keras.saving.register_keras_serializable("kerasfuse")
class UnimodalLabels(SupervisedAuxiliaryLoss):
    """Train unimodal scores towards labels that are made from the multimodal ones.

        a_i   = (D_i^n - D_i^p) / (D_i^p + eps),   D_i = |F_i - C_i|^2 / sqrt(d_i)
        y_s'  = y_m + (a_s - a_m) / 2 (y_m + a_m) / a_m,             s a modality, m all together
        y_s   = (n - 1) / (n + 1) y_s + 2 / (n + 1) y_s'             the n-th time, from the second
        L     = sum_s mean over samples of tanh |y_s - y_m| |y^_s - y_s|

    C_i^p and C_i^n are the means of F_i over the samples whose label y_i is positive and negative.
    Features, labels and visits of every training sample are kept in variables that are not
    trained, and the centres are those of the samples seen so far. A step computes L with the labels
    as they were, and moves them after it. y_s is y_m at first and moves in the second epoch, so
    that L is 0 in the first two epochs. Labels stay within the largest magnitude of y_m. A label
    stays as it is while positive or negative samples are missing among all seen, which leave no
    centre. On several devices all of them remember all samples: those of a batch are gathered.

    Reference: Yu, Xu, Yuan, Wu, "Learning Modality-Specific Representations with Self-Supervised
    Multi-Task Learning for Multimodal Sentiment Analysis" (Self-MM), AAAI 2021, section 3 and
    Algorithm 1. The paper does not say how large a label may become; its code clips to the range of
    the data set, as we do. The code differs from the paper in D_i, see `kerasfuse.ops.label_shift`;
    we follow the paper.

    Args:
        num_samples: number of training samples.
        limit: the largest magnitude of a label.

    Call arguments:
        inputs: tensor `(batch, 1)`, the multimodal score; returned unchanged.
        features: list of tensors `(batch, d_i)`: of all modalities together, then of each.
        scores: list of tensors `(batch, 1)`, one a modality.

    Returns:
        `inputs`.

    Raises:
        ValueError: for less than one sample, or a limit that is not positive.

    Example:

    >>> layer = UnimodalLabels(num_samples=1284)
    >>> y = layer(y, features=[fused, text, audio], scores=[y_text, y_audio])
    """

    loss_name = "unimodal"

    def __init__(self, num_samples, limit=3.0, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(num_samples, int) or num_samples < 1 or not limit > 0:
            raise ValueError(
                "expected `num_samples` to be a whole number from 1, and `limit` above 0. "
                f"Received: num_samples={num_samples!r}, limit={limit!r}"
            )
        self.num_samples = num_samples
        self.limit = limit

    def build(self, inputs_shape, features_shape, scores_shape):
        def table(name, width):
            return self.add_weight(
                shape=(self.num_samples, width),
                initializer="zeros",
                trainable=False,
                dtype="float32",
                autocast=False,
                name=name,
            )

        self.visits = table("visits", 1)
        self.labels = table("labels", len(features_shape))
        self.features = [table(f"features_{i}", s[-1]) for i, s in enumerate(features_shape)]

    def call(self, inputs, features, scores, training=None):
        if training:
            self.keep(*([ops.cast(x, "float32") for x in each] for each in (features, scores)))
        return inputs

    def label_loss(self, y, numbers=None):
        """Return the loss of the step that was just computed, and then move labels on.

        Args:
            y: labels `(batch, 1)`.
            numbers: int `(batch,)`, which training samples these are; without them no label is
                known of before, so that the loss is that of the first epoch.
        """
        features, scores = ([backend.gathered(x) for x in each] for each in self.take())
        y, numbers = backend.gathered(y), backend.gathered(numbers)
        y = ops.clip(ops.reshape(ops.cast(y, "float32"), (-1, 1)), -self.limit, self.limit)
        labels = [y] * len(scores)
        if numbers is not None:
            labels = self._move_on(y, [ops.stop_gradient(x) for x in features], numbers)
        # Of a sample alone, |y_s - y_m| is 0 until a label was made: so is the loss.
        return sum(
            ops.mean(ops.tanh(ops.abs(label - y)) * ops.abs(score - label))
            for label, score in zip(labels, scores, strict=True)
        )

    def _move_on(self, y, features, numbers):
        """Store new labels and what was seen, and return the modalities' labels as they were."""
        numbers = ops.reshape(ops.cast(numbers, "int32"), (-1, 1))

        def rows(variable):
            return ops.take(variable.value, numbers[:, 0], axis=0)

        def store(variable, values):
            variable.assign(ops.scatter_update(variable.value, numbers, values))

        visits = rows(self.visits)
        kept = ops.where(visits > 0, rows(self.labels), y)  # (batch, 1 + modalities)
        seen = self.visits.value > 0
        shifts = [
            class_shift(x, table.value, self.labels.value[:, i : i + 1], seen)
            for i, (x, table) in enumerate(zip(features, self.features, strict=True))
        ]
        (shift_of_all, all_known), *others = shifts
        n = visits + 1.0
        made = [y]
        for i, (shift, known) in enumerate(others, start=1):
            old, new = kept[:, i : i + 1], shifted_label(y, shift, shift_of_all, self.limit)
            moved = (n - 1.0) / (n + 1.0) * old + 2.0 / (n + 1.0) * new
            move = ops.logical_and(ops.logical_and(known, all_known), visits > 0)
            made.append(ops.where(move, moved, old))
        store(self.visits, n)
        store(self.labels, ops.concatenate(made, axis=1))
        for table, x in zip(self.features, features, strict=True):
            store(table, x)
        return [kept[:, i : i + 1] for i in range(1, len(made))]

    def get_config(self):
        config = {"num_samples": self.num_samples, "limit": self.limit}
        return {**super().get_config(), **config}
