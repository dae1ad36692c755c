"""Measure the competition between modalities while a model trains."""

import keras

from kerasfuse import analysis


class CompetitionStrength(keras.callbacks.Callback):
    """Log the competition strength d_m of every modality after chosen epochs, as `strength_m`.

    Callbacks that read logs stand after this one.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation" (AGM), ICCV 2023; see `kerasfuse.analysis.competition_strength`.

    Args:
        concepts, development, evaluation: see `kerasfuse.analysis.competition_strength`.
        epochs: the epochs, counted from 0, after which it is measured; all by default.

    Attributes:
        strengths: dict of epoch to dict of modality name to d_m.

    Example:

    >>> strength = CompetitionStrength(concepts, validation, test, epochs=[0, 9, 19])
    >>> fusion.fit(train, epochs=20, callbacks=[strength])
    >>> strength.strengths[19]["audio"]
    """

    def __init__(self, concepts, development, evaluation, epochs=None):
        super().__init__()
        self.concepts = concepts
        self.development = development
        self.evaluation = evaluation
        self.epochs = epochs if epochs is None else set(epochs)

    def on_train_begin(self, logs=None):
        self.strengths = {}

    def on_epoch_end(self, epoch, logs=None):
        if self.epochs is not None and epoch not in self.epochs:
            return
        model = self.model
        found = analysis.competition_strength(
            # A modulated model wraps the one that has features.
            getattr(model, "model", model),
            self.concepts,
            self.development,
            self.evaluation,
        )
        self.strengths[epoch] = found
        if logs is not None:
            logs.update({f"strength_{m}": d for m, d in found.items()})
