"""Record how a modality gate came to its choice, and draw it."""

import keras
import numpy as np

from kerasfuse.drawing import COLOURS, INK, MUTED, new_figure
from kerasfuse.training.callbacks.gate_of import gate_of


class ModalityGateHistory(keras.callbacks.Callback):
    """Record the weights of the gate after every batch, and their mean over every epoch.

    The means are logged as `gate_<modality>`, so `History`, the progress bar's last line and CSV
    logs have them; callbacks that read logs, such as `RunCheckpoint`, stand after this one.

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition" (HCT-MG), section
    5.3.2: Figure 6 shows the weights over the batches of the first epoch, Figure 7 their averages
    over the epochs.

    Attributes:
        batches: list over epochs of dicts of modality name to the list of its weights, one after
            each batch.
        epochs: dict of modality name to the list of its mean weights, one an epoch.
        frozen_epoch: the first epoch, counted from 0 in this run, that ended with the gate frozen,
            else `None`.

    Raises:
        ValueError: when training starts, for a model without a `ModalityGate` or with several; for
            a figure of nothing.

    Example:

    >>> gate = ModalityGateHistory()
    >>> history = model.fit(train, epochs=40, callbacks=[gate])
    >>> history.history["gate_text"][-1], gate.batches[0]["text"][60]
    >>> gate.figure().savefig("gate.png")
    """

    def on_train_begin(self, logs=None):
        self.batches = []
        self.epochs = {m: [] for m in gate_of(self.model).modalities}
        self.frozen_epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.append({m: [] for m in self.epochs})

    def on_train_batch_end(self, batch, logs=None):
        for modality, weight in gate_of(self.model).probabilities.items():
            self.batches[-1][modality].append(weight)

    def on_epoch_end(self, epoch, logs=None):
        for modality, weights in self.batches[-1].items():
            mean = float(np.mean(weights))
            self.epochs[modality].append(mean)
            if logs is not None:
                logs[f"gate_{modality}"] = mean
        if self.frozen_epoch is None and gate_of(self.model).is_frozen:
            self.frozen_epoch = len(self.batches) - 1

    def figure(self):
        """Draw the weights over the batches of the first epoch and their means over the epochs.

        Returns:
            A `matplotlib.figure.Figure`; `figure.savefig("gate.png")` writes it.

        Raises:
            ImportError: matplotlib is missing.
            ValueError: when no epoch was recorded.
        """
        if not getattr(self, "epochs", None) or not next(iter(self.epochs.values())):
            raise ValueError(
                "expected at least one epoch of training to draw: give this callback to `fit` "
                "first. Received: none"
            )
        figure = new_figure("ModalityGateHistory.figure", 9.0, 3.6)
        panels = figure.subplots(1, 2, sharey=True)
        curves = [("batch of the first epoch", self.batches[0]), ("epoch", self.epochs)]
        for axes, (step, weights) in zip(panels, curves, strict=True):
            for i, (modality, values) in enumerate(weights.items()):
                steps = np.arange(1, len(values) + 1)
                marker = "o" if len(values) == 1 else None
                axes.plot(
                    steps, values, color=COLOURS[i % len(COLOURS)], label=modality, marker=marker
                )
            axes.set_xlabel(step, color=INK)
            axes.locator_params(axis="x", nbins=8, integer=True)
            axes.tick_params(colors=MUTED, labelsize=8)
            axes.spines[["top", "right"]].set_visible(False)
        if self.frozen_epoch is not None:
            panels[1].axvline(self.frozen_epoch + 1, color=MUTED, linestyle=":", label="frozen")
        panels[0].set_ylabel("weight of the modality", color=INK)
        panels[1].legend(frameon=False, fontsize=9, labelcolor=INK)
        return figure
