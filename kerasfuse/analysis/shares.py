"""What each modality contributes to the outputs of a model."""

import keras
import numpy as np
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.analysis.coalitions import CoalitionEvaluator


def shares(model, batches):
    """Share the outputs of a model out among its modalities.

        phi_m = Shapley value of m under phi(S),   phi(none) = 0,   sum_m phi_m = phi(all)

    with phi(S) the output in inference mode when the inputs outside S are zero. The accuracy of
    phi_m as logits is the Acc_m of AGM's tables; since the output on all modalities is in it, it
    can exceed what modality m alone can tell.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation" (AGM), ICCV 2023.

    Args:
        model: a functional `keras.Model` with a named input for each modality, or one of
            `kerasfuse.models`.
        batches: `kerasfuse.datasets.Batches`, not shuffled, or one dict of modality name to array.

    Returns:
        Dict of modality name to array `(samples, outputs)`.

    Raises:
        ValueError: for shuffled batches, and for a model that cannot be cut.

    Example:

    >>> found = kerasfuse.analysis.shares(model, test)
    >>> (found["audio"].argmax(1) == test.labels[:, 0]).mean()
    """
    if getattr(batches, "shuffle", False):
        raise ValueError(
            "`batches` expected samples in stored order: load them with shuffle=False. "
            "Received: shuffle=True"
        )
    found = _Shares(model).predict(batches, verbose=0)
    return {m: np.asarray(values, "float32") for m, values in found.items()}


class _Shares(keras.Model):
    def __init__(self, model):
        # Of the class's own name tensorflow would make a scope, and none may start with "_".
        super().__init__(name="shares")
        self.model = model
        self.cut = CoalitionEvaluator(model)

    def call(self, inputs):
        features = self.cut.encode(inputs)
        output = self.cut.head(features)
        outputs = self.cut.muted_inputs(inputs, features)
        outputs |= {
            frozenset(): ops.zeros_like(output),
            frozenset(self.cut.modalities): output,
        }
        return {m: ops.cast(v, "float32") for m, v in fuse_ops.shapley_values(outputs).items()}
