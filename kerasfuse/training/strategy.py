"""Strategy: what `Modulated` asks of whatever balances modalities."""

import keras
import numpy as np
from keras import ops

QUANTITIES = ("error", "ratio", "reference", "coefficient", "accuracy")
TRAINING, VALIDATION = 0, 1


class Strategy(keras.layers.Layer):
    """Turn the errors of the modalities in a step into one coefficient for each.

    A subclass writes `coefficients(errors)`, which takes the errors `(modalities, batch)` of a
    step, remembers of them what it wants, and returns ratio, reference and coefficient, each
    `(modalities,)`. By these it says what it needs:

    - `level`: `"response"`, where the gradient in the share of each modality is multiplied, or
      `"encoder"`, where those of the variables that `scaled` lists are.
    - `mutes`: `"inputs"`, where the shares are those of AGM, or `"features"`, where it is the
      encoded vectors that are set to zero and the encoders run once.
    - `noise`: whether the gradients of the variables that `scaled` lists get noise.
    - `classification_only`, `needs_accuracy`: whether losses without probabilities, or without one
      right class a sample, are refused.
    - `magnitude_matters`: whether optimizers that normalise the gradient undo what it does.
    - `watches_validation`: whether the errors of validation samples are wanted too.

    State is kept in weights that are not trained, so that it is saved with the training state and
    lives through compilation.
    """

    level = "encoder"
    mutes = "features"
    noise = False
    classification_only = True
    needs_accuracy = False
    magnitude_matters = True
    watches_validation = False

    def __init__(self, encoders=None, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        # By name: Keras would take layers held here for this one's own.
        self.encoders = encoders and {
            m: getattr(layer, "name", layer) for m, layer in encoders.items()
        }

    def start(self, modalities):
        """Make the state for the given names. `Modulated` calls it once."""
        if self.built:
            raise ValueError(
                f"expected a new strategy for each model. Received: {self.name!r}, which serves a "
                "model already"
            )
        self.modalities = list(modalities)
        count = len(self.modalities)
        self.active = self._state("active", (), "ones")
        self.record = self._state("record", (2, len(QUANTITIES), count))
        self.samples = self._state("samples", (2,))
        self.make_state(count)
        self.built = True

    def _state(self, name, shape, initializer="zeros"):
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False, dtype="float32"
        )

    def make_state(self, count):
        """Make what else the strategy remembers, for `count` modalities."""

    def scaled(self, encoders):
        """Choose the variables whose gradients are scaled, or get noise.

        Args:
            encoders: dict of modality name to the list of its trainable variables.

        Returns:
            Dict like it.
        """
        return encoders

    def on_epoch_end(self, variables):
        """Do what is done once an epoch; `variables` is what `scaled` returned."""

    def step(self, errors, correct):
        """Return the coefficients of a training step, 1 while modulation is switched off."""
        ratio, reference, kappa = self.coefficients(errors)
        kappa = ops.where(self.active.value > 0, kappa, ops.ones_like(kappa))
        self.observe(errors, correct, TRAINING, ratio, reference, kappa)
        return kappa

    def observe(self, errors, correct, row, *others):
        """Add a batch to the record of the epoch."""
        ones = ops.ones_like(errors[:, 0])
        others = others or (ones, ones, ones)
        correct = ops.zeros_like(errors) if correct is None else correct
        rows = ops.stack([ops.mean(errors, axis=1), *others, ops.mean(correct, axis=1)])
        batch = ops.cast(ops.shape(errors)[1], "float32")
        here = ops.one_hot(row, 2, dtype="float32")
        self.record.assign_add(here[:, None, None] * (batch * rows)[None])
        self.samples.assign_add(here * batch)

    def reset_record(self):
        """Forget the epoch."""
        self.record.assign(np.zeros(self.record.shape))
        self.samples.assign(np.zeros(self.samples.shape))

    def means(self, row=TRAINING):
        """Return what was recorded since the epoch began: quantity -> modality -> mean."""
        values = ops.convert_to_numpy(self.record)[row] / max(self.samples_seen(row), 1.0)
        return {
            quantity: dict(zip(self.modalities, map(float, values[i]), strict=True))
            for i, quantity in enumerate(QUANTITIES)
        }

    def samples_seen(self, row=TRAINING):
        """Return how many samples the record of the epoch holds."""
        return float(ops.convert_to_numpy(self.samples)[row])

    def latest(self):
        """Return the means over validation samples where there were any, else over training."""
        return self.means(VALIDATION if self.samples_seen(VALIDATION) else TRAINING)

    def check_names(self, argument, values):
        """Raise a ValueError unless a dict has one value for each modality."""
        if set(values) != set(self.modalities):
            raise ValueError(
                f"expected `{argument}` to have one value for each modality, {self.modalities}. "
                f"Received: {values!r}"
            )

    def get_config(self):
        return {"name": self.name, "encoders": self.encoders}


def running_mean(mean, value, steps):
    """Return the mean after one more value, and how many there now are."""
    steps = steps + 1.0
    return mean + (value - mean) / steps, steps
