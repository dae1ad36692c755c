"""OGM-GE: on-the-fly gradient modulation with generalization enhancement."""

import keras
from keras import ops

from kerasfuse.training.strategy import Strategy, running_mean

REFERENCES = ("one", "running")
VARIABLES = ("conv", "all")


@keras.saving.register_keras_serializable("kerasfuse")
class OGMGE(Strategy):
    r"""Slow down the encoder of a modality that is surer of the right class than the others.

        p_m   = sum_i softmax(u_m(i))[y_i]
        rho_m = mean_{j != m} p_m / p_j
        k_m   = 1 - tanh(alpha rho_m / reference_m)   where rho_m > reference_m,   else 1
        g     <- k_m g + N(0, (sd(g) + 1e-8)^2)       for the gradients of the encoder of m

    u_m is what modality m adds to the logits: its Shapley value when encoded vectors are set to
    zero. After concatenation and a linear layer that is W_m z_m + b / 2, as in the paper's code;
    of other heads the paper says nothing. The encoders run once, as in plain training.

    Reference: Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR
    2022, and its public code, for two modalities: the mean over the others is ours, and equals the
    code's ratio for two. `reference="running"` is OGM-GE(RA) of Li et al. (AGM), ICCV 2023,
    supplement, which gives no formula: ours is the mean of rho_m over the steps before, 1 in the
    first. The code's standard deviation divides by n - 1, ours by n. The authors' alpha: 0.8 on
    CREMA-D, 0.1 on VGGSound.

    Optimizers that normalise gradients, such as Adam, undo the scaling: take SGD.

    Args:
        alpha: strength.
        noise: whether there is noise, with the standard deviation of each gradient's entries before
            scaling, also where k_m = 1; without it this is OGM.
        variables: `"conv"`, the kernels of convolutions in two dimensions alone, as published, or
            `"all"` of an encoder.
        reference: `"one"` or `"running"`.
        encoders: dict of modality name to the layer of the model that is its encoder; by default
            every layer that depends on that input alone.

    Raises:
        ValueError: for values that mean nothing, and for encoders without convolutions under
            `variables="conv"`.

    Example:

    >>> ogm = Modulated(fusion, OGMGE(alpha=0.8))
    >>> ogm.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    def __init__(
        self, alpha, noise=True, variables="conv", reference="one", encoders=None, **kwargs
    ):
        super().__init__(encoders, **kwargs)
        for name, value, valid in (
            ("variables", variables, VARIABLES),
            ("reference", reference, REFERENCES),
        ):
            if value not in valid:
                raise ValueError(f"expected {name} to be one of {valid}. Received: {value!r}")
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"expected alpha from 0. Received: alpha={alpha}")
        self.alpha = alpha
        self.noise = noise
        self.which = variables
        self.reference = reference

    def make_state(self, count):
        self.running = self._state("running", (count,))
        self.steps = self._state("steps", ())

    def coefficients(self, errors):
        sure = ops.sum(ops.exp(-errors), axis=1)
        count = errors.shape[0]
        ratio = (sure * ops.sum(1.0 / sure) - 1.0) / (count - 1)  # mean over the others
        reference = ops.ones_like(ratio)
        if self.reference == "running":
            reference = ops.where(self.steps.value > 0, self.running.value, reference)
        slowed = 1.0 - ops.tanh(self.alpha * ratio / reference)
        kappa = ops.where(ratio > reference, slowed, ops.ones_like(ratio))
        running, steps = running_mean(self.running.value, ratio, self.steps.value)
        self.running.assign(running)
        self.steps.assign(steps)
        return ratio, reference, kappa

    def scaled(self, encoders):
        if self.which == "all":
            return encoders
        kernels = {m: [v for v in found if len(v.shape) == 4] for m, found in encoders.items()}
        if without := [m for m, found in kernels.items() if not found]:
            raise ValueError(
                "expected encoders with convolutions in two dimensions, whose kernels OGM-GE as "
                f"published scales. Received: none in that of {without}. Take variables='all'"
            )
        return kernels

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "noise": self.noise,
            "variables": self.which,
            "reference": self.reference,
        }
