"""SupervisedContrastive: rows of one class near, all other rows of the batch far."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.losses.nt_xent import check_temperature


@keras.saving.register_keras_serializable("kerasfuse")
class SupervisedContrastive(keras.losses.Loss):
    """Bring rows with the same class near each other, and each away from all other rows.

        l_i = 1/|P_i| sum_(p in P_i) -log( exp(s_ip / tau) / sum_(j != i) exp(s_ij / tau) )

    P_i are the other rows of i's class and s_ij = cos(x_i, x_j). A row without any, alone in its
    class or in the batch, contributes 0, and so does one whose label is not finite.

    Reference: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2 (L_out);
    DAHB, section 3.3, with the class of a real-valued label: round(label / class_width).

    Args:
        temperature: tau.
        class_width: labels within one interval of this width, around a multiple of it, are a class.
            1 for class numbers and for CMU-MOSI and CMU-MOSEI, 0.2 for CH-SIMS.
        reduction: as in `keras.losses.Loss`.
        name: name of the loss.

    Call arguments:
        y_true: labels, one a row: `(batch,)` or `(batch, 1)`.
        y_pred: embeddings x, `(batch, width)`.

    Raises:
        ValueError: for more than one label a row.

    Example:

    >>> float(SupervisedContrastive(0.5)([0, 0, 1], np.eye(3)))   # 2/3 log 2
    """

    def __init__(
        self,
        temperature=0.5,
        class_width=1.0,
        reduction="sum_over_batch_size",
        name="supervised_contrastive",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.temperature = check_temperature(temperature)
        self.class_width = class_width

    def call(self, y_true, y_pred):
        positives, negatives = label_pairs(y_true, self.class_width)
        unit = fuse_ops.unit_vectors(y_pred)
        logits = ops.matmul(unit, ops.transpose(unit)) / self.temperature
        others = ops.logical_or(positives, negatives)
        losses = fuse_ops.log_sum_exp(logits, others)[:, None] - logits
        counts = ops.sum(ops.cast(positives, "float32"), axis=1)
        return ops.sum(ops.where(positives, losses, 0.0), axis=1) / ops.maximum(counts, 1.0)

    def get_config(self):
        return {
            "temperature": self.temperature,
            "class_width": self.class_width,
            "reduction": self.reduction,
            "name": self.name,
        }


def label_pairs(labels, class_width=1.0):
    """Tell which rows share a class, and which do not.

        c_i = round(label_i / class_width),   positives: c_i = c_j, i != j,   negatives: c_i != c_j

    Rounding is half to even, as in the metrics. A row whose label is not finite is in no pair.

    Args:
        labels: tensor `(batch,)` or `(batch, 1)`.
        class_width: width of a class.

    Returns:
        Two boolean tensors `(batch, batch)`: positives and negatives.

    Raises:
        ValueError: for more than one label a row.
    """
    if any(size != 1 for size in labels.shape[1:]):
        raise ValueError(
            "expected one label a sample, `(batch,)` or `(batch, 1)`, to tell which samples are of "
            f"one class. Received: labels of shape {tuple(labels.shape)}"
        )
    labels = ops.reshape(ops.cast(labels, "float32"), (-1,))
    known = ops.isfinite(labels)
    classes = ops.round(backend.where(known, labels, 0.0) / class_width)
    known = ops.logical_and(known[:, None], known[None, :])
    same = ops.equal(classes[:, None], classes[None, :])
    rows = ops.arange(ops.shape(classes)[0])
    other = ops.not_equal(rows[:, None], rows[None, :])
    positives = ops.logical_and(ops.logical_and(same, other), known)
    return positives, ops.logical_and(ops.logical_not(same), known)
