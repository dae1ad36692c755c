"""MSES: an early stop for each modality."""

import keras
import numpy as np
from keras import ops

from kerasfuse.training.strategy import Strategy


@keras.saving.register_keras_serializable("kerasfuse")
class MSES(Strategy):
    """Stop the encoder of a modality once its own error no longer falls, and go back to its best.

        s'_m(t) = 0.6 s_m(t - 1) + 0.4 s_m(t)         once an epoch t, s'_m(1) = s_m(1)
        k_m     = 0   for good, when s'_m was not below its least for more than patience_m epochs

    s_m is the error of the share of modality m (see `OGMGE`) on the validation data of `fit`, or on
    the training data where there are none. At its stop an encoder gets the weights back that it had
    when s'_m was least. They are kept in memory: after a resume, since the resume.

    Reference: Yao and Mihalcea, "Modality-specific Learning Rates for Effective Multimodal Additive
    Late-fusion", ACL Findings 2022, as a baseline of the public code of AGM (Li et al., ICCV 2023).
    The code smooths with the raw error of the epoch before, not with the smoothed one, and so does
    this.

    An optimizer with momentum goes on with what it had for some steps, and weight decay does not
    stop.

    Args:
        patience: dict of modality name to epochs. In AGM's code 10, on UR-Funny 30 and on CREMA-D
            80.
        encoders: dict of modality name to the layer of the model that is its encoder; by default
            every layer that depends on that input alone.

    Raises:
        ValueError: for a patience below 1, or not for the modalities.

    Example:

    >>> fusion = Modulated(model, MSES({"audio": 10, "image": 10}))
    """

    classification_only = False
    magnitude_matters = False
    watches_validation = True

    def __init__(self, patience, encoders=None, **kwargs):
        super().__init__(encoders, **kwargs)
        if not all(isinstance(n, int) and n >= 1 for n in patience.values()):
            raise ValueError(f"expected whole numbers of epochs from 1. Received: {patience!r}")
        self.patience = dict(patience)
        self._kept = {}

    def make_state(self, count):
        self.check_names("patience", self.patience)
        self.factors = self._state("factors", (count,), "ones")
        self.previous = self._state("previous", (count,))
        self.smoothed = self._state("smoothed", (count,))
        self.least = self._state("least", (count,))
        self.waits = self._state("waits", (count,))
        self.epochs = self._state("epochs", ())

    def coefficients(self, errors):
        ones = ops.ones_like(errors[:, 0])
        return ones, ones, ops.convert_to_tensor(self.factors)

    def on_epoch_end(self, variables):
        found = self.latest()["error"]
        previous, smoothed, least, waits, factors = (
            np.array(ops.convert_to_numpy(state))
            for state in (self.previous, self.smoothed, self.least, self.waits, self.factors)
        )
        first = not float(ops.convert_to_numpy(self.epochs))
        for i, m in enumerate(self.modalities):
            smoothed[i] = found[m] if first else 0.6 * previous[i] + 0.4 * found[m]
            previous[i] = found[m]
            if factors[i] == 0:
                continue
            if first or smoothed[i] < least[i]:
                least[i], waits[i] = smoothed[i], 0
                self._kept[m] = [np.array(ops.convert_to_numpy(v)) for v in variables[m]]
                continue
            waits[i] += 1
            if waits[i] > self.patience[m]:
                factors[i] = 0
                for variable, value in zip(variables[m], self._kept.pop(m, ()), strict=False):
                    variable.assign(value)
        for state, value in (
            (self.previous, previous),
            (self.smoothed, smoothed),
            (self.least, least),
            (self.waits, waits),
            (self.factors, factors),
        ):
            state.assign(value)
        self.epochs.assign_add(1.0)

    def get_config(self):
        return {
            **super().get_config(),
            "patience": self.patience,
        }
