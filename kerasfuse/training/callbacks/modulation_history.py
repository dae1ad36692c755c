"""Record how the modalities of a model fared, and what was done about it."""

import keras
import numpy as np

from kerasfuse.drawing import COLOURS, INK, MUTED, new_figure
from kerasfuse.training.callbacks.modulation_of import strategy_of

PANELS = {
    "accuracy": "accuracy of each share",
    "error": "error of each share",
    "ratio": "discrepancy ratio (dotted: reference)",
    "coefficient": "coefficient of the gradient",
}


class ModulationHistory(keras.callbacks.Callback):
    """Log the mean over each epoch of what a strategy saw of each modality, and of what it did.

    Into the logs go, for each modality m, `error_m` (s), `ratio_m` (r), `reference_m` (tau),
    `coefficient_m` (kappa) and, for classes, `accuracy_m`, of the training samples as they went by.
    `History`, CSV and other loggers take them from there; those that read logs stand after this
    one. Means are over samples, of s and kappa over the steps weighted by their samples.

    Reference: Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
    Modulation" (AGM), ICCV 2023. `accuracy_m` is the paper's Acc_m: the accuracy of the Shapley
    share of m, which contains some of the joint output and can exceed that of m alone.

    Attributes:
        epochs: dict of quantity to dict of modality name to the list of its means, one an epoch.

    Raises:
        ValueError: when training starts, for a model that is not a `Modulated`; for a figure of
            nothing.

    Example:

    >>> modulation = ModulationHistory()
    >>> history = fusion.fit(train, epochs=20, callbacks=[modulation])
    >>> history.history["coefficient_audio"], modulation.epochs["accuracy"]["audio"]
    >>> modulation.figure().savefig("modulation.png")
    """

    def on_train_begin(self, logs=None):
        strategy_of(self.model)
        self.epochs = {}

    def on_epoch_end(self, epoch, logs=None):
        means = strategy_of(self.model).means()
        if not self.model.has_accuracy:
            del means["accuracy"]
        for quantity, values in means.items():
            for modality, value in values.items():
                self.epochs.setdefault(quantity, {}).setdefault(modality, []).append(value)
                if logs is not None:
                    logs[f"{quantity}_{modality}"] = value

    def figure(self):
        """Draw accuracy, error, ratio and coefficient of each modality over the epochs.

        Returns:
            A `matplotlib.figure.Figure`; `figure.savefig("modulation.png")` writes it.

        Raises:
            ImportError: matplotlib is missing.
            ValueError: when no epoch was recorded.
        """
        if not getattr(self, "epochs", None):
            raise ValueError(
                "expected at least one epoch of training to draw: give this callback to `fit` "
                "first. Received: none"
            )
        panels = [quantity for quantity in PANELS if quantity in self.epochs]
        figure = new_figure("ModulationHistory.figure", 3.2 * len(panels), 3.2)
        figure.get_layout_engine().set(wspace=0.04)
        for axes, quantity in zip(figure.subplots(1, len(panels)), panels, strict=True):
            of_modalities = self.epochs[quantity]
            equal = len({tuple(values) for values in of_modalities.values()}) == 1
            for i, (modality, values) in enumerate(of_modalities.items()):
                steps = np.arange(1, len(values) + 1)
                style = {"color": COLOURS[i % len(COLOURS)]}
                style["marker"] = "o" if len(values) == 1 else None
                if equal:
                    # As the coefficients of plain training: the first is the widest, so all show.
                    style["linewidth"] = 1.5 + 1.5 * (len(of_modalities) - 1 - i)
                axes.plot(steps, values, label=modality, **style)
                if quantity == "ratio":
                    axes.plot(steps, self.epochs["reference"][modality], linestyle=":", **style)
            axes.set_ylabel(PANELS[quantity], color=INK, fontsize=9)
            axes.set_xlabel("epoch", color=INK)
            axes.locator_params(axis="x", nbins=6, integer=True)
            axes.tick_params(colors=MUTED, labelsize=8)
            axes.spines[["top", "right"]].set_visible(False)
        figure.axes[0].legend(frameon=False, fontsize=9, labelcolor=INK)
        return figure
