"""MSLR: a learning rate for each modality."""

import keras
import numpy as np
from keras import ops

from kerasfuse.training.strategy import Strategy

_EPOCHS = 5


@keras.saving.register_keras_serializable("kerasfuse")
class MSLR(Strategy):
    """Scale the learning rate of each encoder by a constant, and by how well it has been doing.

        k_m(t + 1) = c_m acc_m(t) / mean(acc_m(t - 5), ..., acc_m(t - 1))
        k_m        = c_m   until there are five epochs before t

    acc_m(t) is the accuracy of the share of modality m (see `OGMGE`) in epoch t, on the validation
    data of `fit`, or on the training data where there are none.

    Reference: Yao and Mihalcea, "Modality-specific Learning Rates for Effective Multimodal Additive
    Late-fusion", ACL Findings 2022, as a baseline of the public code of AGM (Li et al., ICCV 2023).
    The code also scales the head of each modality; here the modalities share one, which is left
    alone.

    Args:
        constants: dict of modality name to c_m. In AGM's code: audio 0.9 and vision 1.1 on CREMA-D,
            1.3 and 0.7 on AV-MNIST; audio 0.9, vision 1.4, text 0.7 on UR-Funny.
        encoders: dict of modality name to the layer of the model that is its encoder; by default
            every layer that depends on that input alone.

    Raises:
        ValueError: for constants that are not positive, or not those of the modalities.

    Example:

    >>> fusion = Modulated(model, MSLR({"audio": 1.3, "image": 0.7}))
    """

    needs_accuracy = True
    watches_validation = True

    def __init__(self, constants, encoders=None, **kwargs):
        super().__init__(encoders, **kwargs)
        if not all(0 < c < float("inf") for c in constants.values()):
            raise ValueError(f"expected constants above 0. Received: {constants!r}")
        self.constants = dict(constants)

    def make_state(self, count):
        self.check_names("constants", self.constants)
        self.factors = self._state("factors", (count,), "ones")
        self.accuracies = self._state("accuracies", (_EPOCHS, count))
        self.epochs = self._state("epochs", ())
        self.factors.assign([self.constants[m] for m in self.modalities])

    def coefficients(self, errors):
        ones = ops.ones_like(errors[:, 0])
        return ones, ones, ops.convert_to_tensor(self.factors)

    def on_epoch_end(self, variables):
        found = self.latest()["accuracy"]
        latest = np.array([found[m] for m in self.modalities])
        known = ops.convert_to_numpy(self.accuracies)
        constants = np.array([self.constants[m] for m in self.modalities])
        # A modality that was never right keeps its constant.
        mean = known.mean(axis=0)
        ratio = np.where(mean > 0, latest / np.maximum(mean, 1e-8), 1.0)
        enough = float(ops.convert_to_numpy(self.epochs)) >= _EPOCHS
        self.factors.assign(constants * (ratio if enough else 1.0))
        self.accuracies.assign(np.concatenate([known[1:], latest[None]]))
        self.epochs.assign_add(1.0)

    def get_config(self):
        return {
            **super().get_config(),
            "constants": self.constants,
        }
