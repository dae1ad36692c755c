"""Adaptive gradient modulation: from errors to coefficients, and from those to a gradient."""

import numpy as np
from keras import ops

from kerasfuse.ops.shapley import coalition_coefficients

# The largest gap of two cross-entropies whose probabilities are held above 1e-8.
LARGEST_GAP = float(-np.log(1e-8))


def discrepancy_ratio(errors):
    r"""Compare the error of each modality with the mean of the others'.

        r_m = exp( mean_{j != m} (s_j - s_m) )

    Above 1 for a modality that is better than the others. The exponent is held within
    +-log(1e8), which cross-entropies with a floor of 1e-8 never leave; errors of a regression may.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation" (AGM), ICCV 2023.

    Args:
        errors: tensor `(modalities,)`, the mean error s of each over a batch.

    Returns:
        Tensor `(modalities,)`.

    Example:

    >>> discrepancy_ratio(ops.array([1.0, 1.0 + np.log(2.0)]))   # [2.0, 0.5]
    """
    count = errors.shape[0]
    gap = (ops.mean(errors) - errors) * (count / (count - 1))
    return ops.exp(ops.clip(gap, -LARGEST_GAP, LARGEST_GAP))


def modulation_coefficients(ratio, reference, alpha, cap):
    r"""Slow a modality down that is further ahead than it is used to be, and speed up the others.

        kappa_m = exp( alpha min(tau_m - r_m, cap) )

    Reference: AGM, as `discrepancy_ratio`. Its public code caps the difference at 10 (CREMA-D) or 7
    (UR-Funny) and elsewhere not at all; here it always is, for a reference tau that is large once a
    modality has fallen behind makes the exponential overflow.

    Args:
        ratio: tensor `(modalities,)`, the discrepancy ratio r of a step.
        reference: what is usual, tau; a number, or a tensor like `ratio`.
        alpha: strength of the modulation; at 0 every coefficient is 1.
        cap: largest difference.

    Returns:
        Tensor `(modalities,)`, not negative.

    Example:

    >>> modulation_coefficients(ops.array([2.0, 0.5]), 1.0, alpha=0.0, cap=10.0)   # [1.0, 1.0]
    """
    return ops.exp(alpha * ops.minimum(reference - ratio, cap))


def modulated_output(coalition_outputs, kappa, players):
    r"""Give an output whose value is the joint one, and whose gradient is modulated.

        y = stop(phi(all)) + sum_S c_S (phi(S) - stop(phi(S)))      stop: no gradient
        dy = sum_m kappa_m dphi_m

    with phi_m the Shapley value of modality m under phi(S), the output when all other inputs are
    zero, and phi(none) = 0. The coefficient of each coalition is formed first: at equal kappa those
    of all but the joint one are exactly 0, so that kappa = 1 is plain training, bit for bit.

    Reference: AGM, as `discrepancy_ratio`, whose public code multiplies the gradient of the loss in
    phi_m by kappa_m. It reaches head and encoders alike.

    Args:
        coalition_outputs: dict of `frozenset` of names to output `(batch, outputs)`, for every
            coalition but the empty one.
        kappa: tensor `(modalities,)` in the order of `players`; gets no gradient.
        players: list of names of the modalities.

    Returns:
        Tensor `(batch, outputs)`, equal to that of all modalities.
    """
    coefficients = coalition_coefficients(ops.stop_gradient(kappa), players)
    output = ops.stop_gradient(coalition_outputs[frozenset(players)])
    for members, coefficient in coefficients.items():
        change = coalition_outputs[members] - ops.stop_gradient(coalition_outputs[members])
        output = output + ops.cast(coefficient, change.dtype) * change
    return output
