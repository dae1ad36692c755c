"""PropagatedAlignment: a loss that pulls confidently attended pairs together, layer after layer."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss
from kerasfuse.ops.element_alignment import check_normalise


@keras.saving.register_keras_serializable("kerasfuse")
class PropagatedAlignment(AuxiliaryLoss):
    """Add the distance of confidently attended queries and keys to the loss, in training only.

        W^i = [P^i > gamma^i],   V^i = W^0 or ... or W^i
        L   = weight x mean over layers i and pairs (n, m) in V^i of |q^i_n - k^i_m|^2

    for one ordered pair of modalities and the layers i of its stack. A pair selected by an early
    layer stays selected in the later ones; the selection sends no gradient. See
    `kerasfuse.ops.propagated_alignment`, also for why the distance as printed makes queries and
    keys shrink, and for the forms that do not. Of several devices each has the loss of its own
    samples, and the mean, or the sum, is that of the whole batch.

    Reference: Liang et al., MICA, ICCV 2021, section 3.4, equation 2.

    Args:
        weight: factor of the loss (part of the paper's beta).
        tau: fraction of the valid entries of each head's attention matrix that counts as confident.
        propagate: whether selections are handed on to later layers.
        reduction: `"mean"` over pairs, samples, heads and layers, or `"paper_sum"`, which adds
            everything up as the paper prints it, 10^4 times larger.
        normalise: what distances are measured in: `"none"` as printed, `"norms"` over the mean
            squared norm of queries and keys, `"unit"` between vectors of unit length, or `"spread"`
            over half the mean squared distance of all pairs.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        queries: tensor `(batch, Tq, heads, head_dim)`, or a list of them, one a layer, first layer
            first.
        keys: tensor `(batch, Tk, heads, head_dim)`, or a list.
        query_mask: boolean `(batch, Tq)`, `True` at real steps, or `None`.
        key_mask: boolean `(batch, Tk)`, likewise.

    Returns:
        `inputs`.

    Raises:
        ValueError: for a `tau` outside (0, 1], or an unknown `reduction` or `normalise`.

    Example:

    >>> attend = CrossmodalAttention(num_heads=8)
    >>> z, q, k = attend(words, frames, return_projections=True)
    >>> z = PropagatedAlignment(weight=0.5, tau=0.25)(z, q, k)
    """

    loss_name = "alignment"

    def __init__(
        self,
        weight=1.0,
        tau=0.3,
        propagate=True,
        reduction="mean",
        normalise="none",
        **kwargs,
    ):
        super().__init__(weight, **kwargs)
        if not 0 < tau <= 1:
            raise ValueError(f"expected `tau` in (0, 1]. Received: tau={tau}")
        if reduction not in ("mean", "paper_sum"):
            raise ValueError(
                f"expected `reduction` to be 'mean' or 'paper_sum'. Received: {reduction!r}"
            )
        check_normalise(normalise)
        self.tau = tau
        self.propagate = propagate
        self.reduction = reduction
        self.normalise = normalise
        self.built = True

    def call(self, inputs, queries, keys, query_mask=None, key_mask=None, training=None):
        if training:
            queries = queries if isinstance(queries, (list, tuple)) else [queries]
            keys = keys if isinstance(keys, (list, tuple)) else [keys]
            value = fuse_ops.propagated_alignment(
                queries,
                keys,
                _all_valid(queries[0]) if query_mask is None else query_mask,
                _all_valid(keys[0]) if key_mask is None else key_mask,
                tau=self.tau,
                propagate=self.propagate,
                mean=self.reduction == "mean",
                normalise=self.normalise,
            )
            self.add_value(value if self.reduction == "mean" else backend.of_sum(value))
        return inputs

    def get_config(self):
        config = {
            "tau": self.tau,
            "propagate": self.propagate,
            "reduction": self.reduction,
            "normalise": self.normalise,
        }
        return {**super().get_config(), **config}


def _all_valid(x):
    return ops.ones(ops.shape(x)[:2], dtype="bool")
