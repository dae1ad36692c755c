"""Competition strength: how much of what a modality tells got lost in a model of several."""

import keras
import numpy as np
from keras import ops

from kerasfuse.analysis.coalitions import CoalitionEvaluator
from kerasfuse.models import LateFusion
from kerasfuse.tables import Results

PADDINGS = ("zeros", "noise")


def competition_strength(model, concepts, development, evaluation, penalty=120.0):
    r"""Measure how far the features of a model are from what each modality alone can tell.

        W, b = argmin |H W + b - C|^2 + 120 |W|^2            on the development set
        R    = H W + b - C                                   on the evaluation set
        d_m  = trace(R B^+ R^T) / K,     B = N Cov(C)

    H are the features in front of the model's last layer, C the logits of the mono-modal concept of
    m, K of them, N samples; B^+ is the pseudo-inverse. 0 where the concept is linear in the
    features, about 1 where they tell no more than its mean; it can be larger. The larger, the
    stronger the competition against m.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation" (AGM), ICCV 2023, section 3.2.2 and supplement; its code for the covariance.

    Args:
        model: a functional `keras.Model` with named inputs, trained; or a
            `kerasfuse.training.Modulated`'s `model`.
        concepts: dict of modality name to a trained `MonoModalConcept`, or any model from the same
            inputs to logits.
        development, evaluation: `kerasfuse.datasets.Batches`, not shuffled, or dicts of modality
            name to array.
        penalty: that of the ridge regression, on the weights and not the intercept, not divided by
            the number of samples.

    Returns:
        Dict of modality name to d_m, which a notebook shows as a table.

    Raises:
        ValueError: for shuffled batches, or a name that is no modality of the model.

    Example:

    >>> concepts = {m: MonoModalConcept(model, m) for m in model.modalities}
    >>> for concept in concepts.values():
    ...     concept.compile("adam", loss)
    ...     concept.fit(train, epochs=5)
    >>> competition_strength(model, concepts, validation, test)
    {'image': 0.14, 'audio': 0.78}
    """
    from sklearn.linear_model import Ridge

    for batches in (development, evaluation):
        if getattr(batches, "shuffle", False):
            raise ValueError(
                "expected samples in stored order: load them with shuffle=False. "
                "Received: shuffle=True"
            )
    names = [tensor.name for tensor in model.inputs]
    if unknown := [m for m in concepts if m not in names]:
        raise ValueError(f"expected concepts of the modalities {names}. Received: {unknown}")
    features = _features(model)
    h, h_new = (_predicted(features, batches) for batches in (development, evaluation))
    found = Results()
    for m, concept in concepts.items():
        c, c_new = (_predicted(concept, batches) for batches in (development, evaluation))
        probe = Ridge(alpha=penalty).fit(h, c)
        found[m] = unexplained(probe.predict(h_new).reshape(c_new.shape), c_new)
    return found


def unexplained(predicted, concept):
    """Return trace(R B^+ R^T) / K of two float64 arrays `(samples, K)`; see above."""
    residual = predicted - concept
    covariance = np.atleast_2d(np.cov(concept, rowvar=False))
    inverse = np.linalg.pinv(len(concept) * covariance, hermitian=True)
    return float(np.einsum("ni,ij,nj->", residual, inverse, residual) / concept.shape[1])


class MonoModalConcept(keras.Model):
    """Make an untrained model of what one modality of another model can tell, to be trained.

    Of `LateFusion` it is a new encoder of that modality and a linear head; of all others, a new
    copy in which the other modalities are zero, or noise. It takes the same batches as the model.

    Reference: as `competition_strength`; noise is the control experiment of the supplement, section
    B, elements of N(0, 1).

    Args:
        model: the model, whose weights are not looked at.
        modality: name of the modality.
        padding: `"zeros"` or `"noise"`, in the place of other modalities.

    Call arguments:
        inputs: dict of modality name to array; only that of `modality` is looked at.

    Returns:
        Tensor `(batch, outputs)`.

    Raises:
        ValueError: for an unknown modality or padding.

    Example:

    >>> concept = MonoModalConcept(model, "audio")
    >>> concept.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> concept.fit(train, epochs=5)
    """

    def __init__(self, model, modality, padding="zeros", **kwargs):
        super().__init__(**kwargs)
        names = [tensor.name for tensor in model.inputs]
        if modality not in names:
            raise ValueError(f"expected modality to be one of {names}. Received: {modality!r}")
        if padding not in PADDINGS:
            raise ValueError(f"expected padding to be one of {PADDINGS}. Received: {padding!r}")
        self.modality = modality
        self.padding = padding
        fresh = type(model).from_config(model.get_config())
        self.copy, self.encoder = None, None
        if isinstance(model, LateFusion):
            self.encoder = CoalitionEvaluator(fresh).encoder(modality)
            self.head = keras.layers.Dense(model.num_outputs, name="head", dtype="float32")
            self.head.build(self.encoder.outputs[0].shape)
        else:
            self.copy = fresh
        self.noise = keras.random.SeedGenerator()
        self.built = True

    def call(self, inputs, training=None):
        x = inputs[self.modality]
        if self.encoder is not None:
            (vector,) = keras.tree.flatten(self.encoder(x, training=training))
            return self.head(vector)
        padded = {m: x if m == self.modality else self._pad(v) for m, v in inputs.items()}
        return self.copy(padded, training=training)

    def _pad(self, x):
        if self.padding == "zeros":
            return ops.zeros_like(x)
        return keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.noise)


def _features(model):
    """Return a model from the inputs to what goes into the last layer."""
    history = model.outputs[0]._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return keras.Model(model.input, node.input_tensors[0])


def _predicted(model, batches):
    found = np.asarray(model.predict(batches, verbose=0), "float64")
    return found.reshape(len(found), -1)
