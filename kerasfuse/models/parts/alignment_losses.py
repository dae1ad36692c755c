"""The two alignment losses and the intermediates of a model made of crossmodal stacks."""

from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.layers import MMDRegularizer, PropagatedAlignment


def add_alignment_losses(outputs, queries, keys, masks, alpha, beta, mmd, elements):
    """Hang MICA's losses alpha L_m + beta L_e on a graph whose queries and keys are known.

    One layer of each kind an ordered pair of modalities, averaged over the pairs.

    Args:
        outputs: symbolic outputs of the model, through which the loss layers pass.
        queries: dict of pair (source, target) to the list of queries of its layers.
        keys: likewise.
        masks: dict of modality name to mask of real steps (`None` values: no mask).
        alpha: weight of the MMD; 0 leaves the layers out.
        beta: weight of the element alignment; 0 leaves the layers out.
        mmd: estimator and bandwidth of `MMDRegularizer`.
        elements: tau, propagate, reduction and normalise of `PropagatedAlignment`.

    Returns:
        `outputs`, with the losses on their way.
    """
    for source, target in queries:
        pair = f"{source}_to_{target}"
        arguments = {
            "queries": queries[source, target],
            "keys": keys[source, target],
            "query_mask": masks[target],
            "key_mask": masks[source],
        }
        # Made in any case, as they check their arguments.
        estimator, bandwidth = mmd
        regularizer = MMDRegularizer(
            alpha / len(queries), estimator, bandwidth=bandwidth, name=f"mmd_{pair}"
        )
        align = PropagatedAlignment(beta / len(queries), *elements, name=f"alignment_{pair}")
        if alpha:
            outputs = regularizer(outputs, **arguments)
        if beta:
            outputs = align(outputs, **arguments)
    return outputs


def crossmodal_intermediates(queries, keys, masks, causal=False):
    """Name the queries, keys and attention maps of every layer and pair, for `extract`."""
    offered = {}
    for (source, target), layers in queries.items():
        for index, (q, k) in enumerate(zip(layers, keys[source, target], strict=True)):
            where = f"{index}/{source}_to_{target}"
            offered[f"queries/{where}"] = lambda q=q: q
            offered[f"keys/{where}"] = lambda k=k: k
            offered[f"attention/{where}"] = lambda q=q, k=k, mask=masks[source]: ops.mean(
                fuse_ops.attention_scores(q, k, mask, causal), axis=1
            )
    return offered
