"""AGM: adaptive gradient modulation."""

import keras
from keras import ops

from kerasfuse import ops as fuse_ops
from kerasfuse.training.strategy import Strategy, running_mean

LEVELS = ("response", "encoder")
# e^40 is 2e17: times a gradient of 1e20 it still is a float32.
_LARGEST_EXPONENT = 40.0


@keras.saving.register_keras_serializable("kerasfuse")
class AGM(Strategy):
    r"""Slow down the modality that is further ahead than it usually is, and speed up the others.

        s_m     = mean_i -log softmax(phi_m(i))[y_i]              phi_m: Shapley share of m
        r_m     = exp( mean_{j != m} (s_j - s_m) )
        tau_m   = the same of the running means of s, before this step; 1 in the first
        kappa_m = exp( alpha min(tau_m - r_m, cap) )

    phi_m is the Shapley value of modality m under the output phi(S) when the inputs outside S are
    zero, with phi(none) = 0, so that the phi_m add up to the joint output. In the same step,

    - `level="response"`, the paper's public code: the gradient of the loss in phi_m is multiplied
      by kappa_m, for the head as for the encoders. Every parameter gets sum_m kappa_m J_m^T g.
    - `level="encoder"`: the gradients of the encoder of m are multiplied by kappa_m. Where the
      head only adds the modalities up, this is the same in the encoders; elsewhere it is not.

    Muted passes run in inference mode, at response level with gradients, and before the joint pass;
    in the public code they come after it. Of encoders with neither batch norm nor dropout the
    outputs of the joint pass are used again.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation", ICCV 2023, and its public code; AGM(1) and AGM-GE, its supplement, section D,
    without code. The code caps tau - r at 10 or 7 on two data sets only and clips gradients under
    conditions of its own; here it is always capped, and clipping is the optimizer's
    (`global_clipnorm`). Errors other than cross-entropies are ours: the squared error under the
    loss `"mse"`, the absolute error under `"mae"`.

    Optimizers that normalise gradients, such as Adam, undo the size of the coefficients at encoder
    level, and turn those at response level into another direction: take SGD. A gradient's norm is
    clipped after modulation, over all modalities; weight decay is not modulated.

    Args:
        alpha: strength; 0 is plain training. The authors' for late fusion: 2.5 on AV-MNIST, 4.0
            on UR-Funny, 1.5 on CREMA-D.
        level: `"response"` or `"encoder"`.
        encoders: dict of modality name to the layer of the model that is its encoder, for encoder
            level and noise; by default every layer that depends on that input alone.
        reference: `"running"`, or 1.0 for AGM(1), which pushes all modalities towards each other.
        noise: AGM-GE: add normal noise to the gradient of each tensor of the encoders, with the
            standard deviation of its entries before modulation + 1e-8.
        cap: largest tau - r.

    Raises:
        ValueError: for values that mean nothing, or that would overflow.

    Example:

    >>> agm = Modulated(fusion, AGM(alpha=2.5))
    >>> agm.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    mutes = "inputs"
    classification_only = False

    def __init__(
        self,
        alpha,
        level="response",
        encoders=None,
        reference="running",
        noise=False,
        cap=10.0,
        **kwargs,
    ):
        super().__init__(encoders, **kwargs)
        if level not in LEVELS:
            raise ValueError(f"expected level to be one of {LEVELS}. Received: level={level!r}")
        if reference not in ("running", 1.0):
            raise ValueError(
                f"expected reference='running' or 1.0. Received: reference={reference!r}"
            )
        if not 0 <= alpha < float("inf") or not 0 < cap < float("inf"):
            raise ValueError(
                f"expected alpha from 0 and cap above 0. Received: alpha={alpha}, cap={cap}"
            )
        if alpha * cap > _LARGEST_EXPONENT:
            raise ValueError(
                f"expected alpha * cap up to {_LARGEST_EXPONENT:g}: kappa goes up to "
                f"exp(alpha * cap), which would overflow. Received: alpha={alpha}, cap={cap}"
            )
        self.alpha = alpha
        self.level = level
        self.reference = reference
        self.noise = noise
        self.cap = cap

    @property
    def magnitude_matters(self):
        return self.level == "encoder"

    def make_state(self, count):
        self.running = self._state("running", (count,))
        self.steps = self._state("steps", ())

    def coefficients(self, errors):
        errors = ops.mean(errors, axis=1)
        ratio = fuse_ops.discrepancy_ratio(errors)
        reference = ops.ones_like(ratio)
        if self.reference == "running":
            reference = fuse_ops.discrepancy_ratio(self.running.value)
        kappa = fuse_ops.modulation_coefficients(ratio, reference, self.alpha, self.cap)
        running, steps = running_mean(self.running.value, errors, self.steps.value)
        self.running.assign(running)
        self.steps.assign(steps)
        return ratio, reference, kappa

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "level": self.level,
            "reference": self.reference,
            "noise": self.noise,
            "cap": self.cap,
        }
