"""DualStreamContrast: DAHB's semantic alignment and supervised contrast in one loss."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.losses.nt_xent import check_temperature
from kerasfuse.losses.supervised_contrastive import label_pairs

PAIR_LAYOUTS = ("published", "all_negatives")
PAIRS = ("labels", "companions")
# Of each anchor, in the order of the rows: similar ones of its class, dissimilar ones of another,
# similar ones of another.
COMPANIONS = 6
POSITIVE_COMPANIONS = 2


@keras.saving.register_keras_serializable("kerasfuse")
class DualStreamContrast(keras.losses.Loss):
    """Contrast samples by their modalities and by their labels, with text as the anchor.

        L_i = 1/|P_i| sum_((a,p) in P_i) -log( exp(s_ap / tau) / (exp(s_ap / tau) + N_a) )

    P_i holds the semantic pairs of sample i, the anchor modality's embedding with that of each
    other modality, and its label pairs, (g_i, g_j) for each embedding g and each positive j.
    s = cos. What stands in N_a, the sum of exp(s_an / tau) over negatives n, is the `pair_layout`:

    - `"published"`: the negatives of i by label, in the embedding of the anchor a alone: for both
      semantic pairs they are rows of text. Other positives do not count. The semantic pairs of
      companions have no negatives and cost exactly 0, with no gradient, yet count in |P_i|: 22
      pairs, of which 12 teach nothing. So does the authors' release.
    - `"all_negatives"`: every row of the batch is an anchor. In a semantic pair the other modality
      of all other rows counts, in a label pair every other row, as in equation 3, whose sum runs
      over negatives and positives. `NTXent` and `SupervisedContrastive` in one mean.

    With `pairs="labels"` positives and negatives are the rows of the batch with the same class and
    with another. With `pairs="companions"` the batch is one of `kerasfuse.datasets.Companions`: B
    anchors, then six companions of each, two positives and four negatives. `"all_negatives"` takes
    all rows by their labels in either case.

    Scaling an embedding changes nothing, a zero vector has cosine 0 with everything. An anchor
    without any pair contributes 0, and so does the only row of a batch. A row whose label is not
    finite has no label pairs.

    Of several devices each compares its anchors with their own companions, where those are the only
    pairs; for all others the whole batch is gathered, see `kerasfuse.layers.RepresentationLoss`.

    Reference: DAHB, equations 3 and 8, sections 3.2.2 and 3.3, and the authors' later release. The
    paper's similarity is a dot product, the release's is the cosine; the paper gives no
    temperature, the release's is 0.5. The mean over the pairs of an anchor is the release's too,
    equation 3 is a sum.

    Args:
        modalities: names of the embeddings that semantic pairs are made of.
        anchor: name of the anchor modality.
        temperature: tau.
        pair_layout: `"published"` or `"all_negatives"`.
        pairs: `"labels"` or `"companions"`.
        semantic: whether there are semantic pairs.
        supervised: whether there are label pairs.
        class_width: width of a class of real-valued labels, see `SupervisedContrastive`.
        reduction: as in `keras.losses.Loss`.
        name: name of the loss.

    Call arguments:
        y_true: labels, one a row: `(rows,)` or `(rows, 1)`.
        y_pred: dict of name to embeddings `(rows, width)`: each modality's, and further ones, such
            as that of the fused sequence, which have label pairs only.

    Raises:
        ValueError: for an unknown layout or source of pairs, more than one label a row, and rows
            that are not groups of seven with `pairs="companions"`.

    Example:

    >>> embeddings = {"text": np.eye(3), "audio": np.eye(3)}
    >>> loss = DualStreamContrast(["text", "audio"], supervised=False, pair_layout="all_negatives")
    >>> float(loss([0, 0, 1], embeddings))   # that of NTXent
    """

    def __init__(
        self,
        modalities,
        anchor="text",
        temperature=0.5,
        pair_layout="published",
        pairs="labels",
        semantic=True,
        supervised=True,
        class_width=1.0,
        reduction="sum_over_batch_size",
        name="contrast",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        for argument, value, choices in (
            ("pair_layout", pair_layout, PAIR_LAYOUTS),
            ("pairs", pairs, PAIRS),
            ("anchor", anchor, tuple(modalities)),
        ):
            if value not in choices:
                raise ValueError(
                    f"expected `{argument}` to be one of {', '.join(choices)}. Received: {value!r}"
                )
        self.modalities = list(modalities)
        self.anchor = anchor
        self.temperature = check_temperature(temperature)
        self.pair_layout = pair_layout
        self.pairs = pairs
        self.semantic = semantic
        self.supervised = supervised
        self.class_width = class_width

    @property
    def compares_batch(self):
        """Whether an anchor is compared with others than its own companions."""
        return self.pair_layout != "published" or self.pairs != "companions"

    def call(self, y_true, y_pred):
        unit = {name: fuse_ops.unit_vectors(x) for name, x in y_pred.items()}
        published = self.pair_layout == "published"
        if published and self.pairs == "companions":
            positives, negatives = companion_pairs(unit[self.anchor])
        else:
            positives, negatives = label_pairs(y_true, self.class_width)
        anchors = ops.shape(positives)[0]

        total, count = ops.zeros((anchors,)), ops.zeros((anchors,))
        logits = {
            name: ops.matmul(x[:anchors], ops.transpose(x)) / self.temperature
            for name, x in unit.items()
        }
        if self.semantic:
            text = unit[self.anchor][:anchors]
            for other in (m for m in self.modalities if m != self.anchor):
                if published:
                    pair = ops.sum(text * unit[other][:anchors], axis=1) / self.temperature
                    against = fuse_ops.log_sum_exp(logits[self.anchor], negatives)
                    total += fuse_ops.pair_loss(pair, against)
                else:
                    cross = ops.matmul(text, ops.transpose(unit[other])) / self.temperature
                    total += ops.logsumexp(cross, axis=1) - ops.diagonal(cross)
                # Companions' pairs cost nothing, see above, but are counted.
                count += 1 + (COMPANIONS if published and self.pairs == "companions" else 0)
        if self.supervised:
            others = negatives if published else ops.logical_or(positives, negatives)
            for z in logits.values():
                against = fuse_ops.log_sum_exp(z, others)[:, None]
                pair = fuse_ops.pair_loss(z, against) if published else against - z
                total += ops.sum(backend.where(positives, pair, 0.0), axis=1)
                count += ops.sum(ops.cast(positives, "float32"), axis=1)
        return total / backend.at_least(count, 1.0)

    def get_config(self):
        return {
            "modalities": self.modalities,
            "anchor": self.anchor,
            "temperature": self.temperature,
            "pair_layout": self.pair_layout,
            "pairs": self.pairs,
            "semantic": self.semantic,
            "supervised": self.supervised,
            "class_width": self.class_width,
            "reduction": self.reduction,
            "name": self.name,
        }


def companion_pairs(rows):
    """Tell which rows of a batch of anchors and companions are pairs, by position alone.

    Row B c + i is companion c of anchor i; c = 0 is the anchor itself, 1 and 2 its positives, 3 to
    6 its negatives.

    Returns:
        Two boolean tensors `(B, 7 B)`: positives and negatives of each anchor.

    Raises:
        ValueError: when the rows are not groups of seven.
    """
    group = COMPANIONS + 1
    static = rows.shape[0]
    if static is not None and static % group:
        raise ValueError(
            f"expected batches of `kerasfuse.datasets.Companions`, whose rows are {group} for each "
            f'anchor, as pairs="companions" was asked for. Received: {static} rows. Train on such '
            'batches, or take pairs="labels".'
        )
    number = ops.shape(rows)[0]
    anchors = number // group
    column = ops.arange(number)
    own = ops.equal(column[None, :] % anchors, ops.arange(anchors)[:, None])
    kind = (column // anchors)[None, :]
    positives = ops.logical_and(kind >= 1, kind <= POSITIVE_COMPANIONS)
    return ops.logical_and(own, positives), ops.logical_and(own, kind > POSITIVE_COMPANIONS)
