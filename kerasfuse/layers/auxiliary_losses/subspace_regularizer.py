"""SubspaceRegularizer: keep what modalities share apart from what each has alone."""

import itertools

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss
from kerasfuse.ops.subspaces import central_moment_discrepancy, subspace_overlap

KINDS = ("similarity", "difference", "reconstruction")


@keras.saving.register_keras_serializable("kerasfuse")
class SubspaceRegularizer(AuxiliaryLoss):
    """Add one of the losses of MISA, in training only.

        similarity:      mean over pairs (i, j) of CMD(c_i, c_j)
        difference:      sum_m D(c_m, p_m) + sum over pairs (i, j) of D(p_i, p_j)
        reconstruction:  mean over m of mean (u_m - v_m)^2

    with c_m what a modality shares with the others, p_m what it has alone, u_m the vector that both
    were made of, v_m what can be made of them; CMD is `central_moment_discrepancy` and D
    `subspace_overlap`, both over the samples of the batch: on several devices of the whole batch,
    gathered.

    Reference: Hazarika, Zimmermann, Poria, "MISA: Modality-Invariant and -Specific Representations
    for Multimodal Sentiment Analysis", ACM Multimedia 2020, section 3.

    Args:
        kind: which of the three; the name of the loss in logs.
        weight: its factor.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        first: list of tensors `(batch, width)`, one a modality: c_m, or u_m.
        second: list of tensors, likewise: p_m, or v_m; `None` for the similarity.

    Returns:
        `inputs`.

    Raises:
        ValueError: for an unknown kind.

    Example:

    >>> y = SubspaceRegularizer("similarity")(y, first=[shared_text, shared_audio])
    """

    def __init__(self, kind, weight=1.0, **kwargs):
        super().__init__(weight, **kwargs)
        if kind not in KINDS:
            raise ValueError(f"expected `kind` to be one of {KINDS}. Received: {kind!r}")
        self.kind = self.loss_name = kind
        self.built = True

    def call(self, inputs, first, second=None, training=None):
        if training:
            self.add_value(getattr(self, f"_{self.kind}")(first, second))
        return inputs

    def _similarity(self, shared, _):
        shared = [backend.gathered(x) for x in shared]
        distances = [central_moment_discrepancy(*p) for p in itertools.combinations(shared, 2)]
        return sum(distances) / len(distances)

    def _difference(self, shared, private):
        shared, private = ([backend.gathered(x) for x in side] for side in (shared, private))
        pairs = [*zip(shared, private, strict=True), *itertools.combinations(private, 2)]
        return sum(subspace_overlap(*pair) for pair in pairs)

    def _reconstruction(self, wanted, made):
        errors = [
            ops.mean(ops.square(ops.cast(u, "float32") - ops.cast(v, "float32")))
            for u, v in zip(wanted, made, strict=True)
        ]
        return sum(errors) / len(errors)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}
