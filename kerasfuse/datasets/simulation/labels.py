"""Labels of simulated clips, from how positive and how strong their events are."""

import numpy as np


class Labelled:
    """Label a block of samples; what every world's samples have in common.

    Attributes, which a world sets:
        exists: boolean `(samples, events)`.
        num_events: `(samples,)`.
        valence, arousal: `(samples,)`, how positive and how strong a sample is.
        label_gain: slope of the sentiment at 0.
        happy_above, negative_below: bounds of `valence`.
        excited_above: bound of `arousal`.
    """

    def mean_over_events(self, x):
        """Average `(samples, events)` over the events that there are."""
        return (x * self.exists).sum(axis=1) / self.num_events

    def sentiment(self):
        """Return scores in (-3, 3)."""
        return 3 * np.tanh(self.label_gain * self.valence)

    def emotions(self):
        """Return one-hot pairs `(samples, 4, 2)` of Neutral, Happy, Sad and Angry."""
        happy = self.valence > self.happy_above
        negative = self.valence < self.negative_below
        excited = self.arousal > self.excited_above
        present = [~happy & ~negative, happy, negative & ~excited, negative & excited]
        present = np.stack(present, axis=1).astype("float32")
        return np.stack([1 - present, present], axis=2)
