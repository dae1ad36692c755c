"""MMDRegularizer: a loss that makes queries and keys alike in distribution."""

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.layers.auxiliary_losses.auxiliary_loss import AuxiliaryLoss
from kerasfuse.ops.maximum_mean_discrepancy import ESTIMATORS, check_bandwidth


@keras.saving.register_keras_serializable("kerasfuse")
class MMDRegularizer(AuxiliaryLoss):
    """Add the maximum mean discrepancy between queries and keys to the loss, in training only.

        L = weight x mean over layers and heads of MMD^2({k_m}, {q_n})

    The elements are all valid steps of all samples of the batch; each head is a group of its own,
    since attention happens there. See `kerasfuse.ops.mmd` for the kernel and the estimators. The
    value that training shows does not fall to 0: it is 0.02 to 0.03 where queries and keys have one
    distribution and 256 of each are compared. On several devices the elements are those of the
    whole batch: gathered, not those of each device.

    Reference: Liang et al., MICA, ICCV 2021, section 3.4. The paper sums over layers without saying
    which elements of the data enter; here it is the batch, and the mean.

    Args:
        weight: factor of the loss (part of the paper's alpha).
        estimator: `"subsample"` (up to 256 random elements a side), `"exact"` or
            `"random_features"`.
        seed: seed of the random estimators.
        bandwidth: of the kernel: `"differentiated"`, so that the loss does not depend on the scale
            of queries and keys, `"detached"`, which shrinks them, or a number.

    Call arguments:
        inputs: any tensor; returned unchanged, so that the loss has a place in the graph.
        queries: tensor `(batch, Tq, heads, head_dim)`, or a list of them, one a layer.
        keys: tensor `(batch, Tk, heads, head_dim)`, or a list.
        query_mask: boolean `(batch, Tq)`, `True` at real steps, or `None`.
        key_mask: boolean `(batch, Tk)`, likewise.

    Returns:
        `inputs`.

    Raises:
        ValueError: for an unknown estimator or bandwidth.

    Example:

    >>> attend = CrossmodalAttention(num_heads=8)
    >>> z, q, k = attend(words, frames, return_projections=True)
    >>> z = MMDRegularizer(weight=0.8)(z, q, k)
    """

    loss_name = "mmd"

    def __init__(
        self, weight=1.0, estimator="subsample", seed=None, bandwidth="differentiated", **kwargs
    ):
        super().__init__(weight, **kwargs)
        if estimator not in ESTIMATORS:
            raise ValueError(
                f"expected `estimator` to be one of {ESTIMATORS}. Received: {estimator!r}"
            )
        check_bandwidth(bandwidth)
        self.estimator = estimator
        self.bandwidth = bandwidth
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs, queries, keys, query_mask=None, key_mask=None, training=None):
        if training:
            queries = queries if isinstance(queries, (list, tuple)) else [queries]
            keys = keys if isinstance(keys, (list, tuple)) else [keys]
            queries, keys = ([backend.gathered(x) for x in side] for side in (queries, keys))
            key_mask, query_mask = backend.gathered(key_mask), backend.gathered(query_mask)
            value = fuse_ops.mmd(
                _grouped_elements(keys),
                _grouped_elements(queries),
                _flat_mask(key_mask),
                _flat_mask(query_mask),
                estimator=self.estimator,
                bandwidth=self.bandwidth,
                seed=self.seed_generator,
            )
            self.add_value(ops.mean(value))
        return inputs

    def get_config(self):
        return {
            **super().get_config(),
            "estimator": self.estimator,
            "seed": self.seed,
            "bandwidth": self.bandwidth,
        }


def _grouped_elements(layers):
    """Lay out each step of the batch as one element: `(layers x heads, batch x steps, width)`."""
    heads, width = layers[0].shape[2:]
    flat = ops.concatenate([ops.reshape(x, (-1, heads, width)) for x in layers], axis=1)
    return ops.transpose(ops.cast(flat, "float32"), (1, 0, 2))


def _flat_mask(mask):
    return None if mask is None else ops.reshape(mask, (-1,))
