"""The world with a clock: modalities share the time of a clip, and identities are continuous."""

import numpy as np

from kerasfuse.datasets.simulation import BLOCK
from kerasfuse.datasets.simulation.labels import Labelled
from kerasfuse.datasets.simulation.options import LONGEST, in_order

_SHORTEST = 0.7  # of the typical duration
# An event shows in this part of its share of the time, before lags; they move it no further than
# the rest of the share allows.
_FIRST, _LAST = 0.1, 0.75
_GAIN = 2.0  # of what a modality says of an event, beside identity numbers of size 1
_BACKGROUND_DIM = 2
_WEAK, _STRONG = 0.1, 1.0
_NOT_MEANT = 0.25  # probability


class Clock:
    """Clips of some seconds, seen at a fixed rate by each modality.

    Args:
        duration, rates, lag, num_events, identity_dim: see `simulated`.
        widths: dict of modality to feature width.
        strength, noise: dicts of modality to number.
        data_seed: seed of maps and lags.
    """

    # Goes up with every change of what is simulated.
    version = "clock 1"

    def __init__(
        self, duration, rates, lag, num_events, identity_dim, widths, strength, noise, data_seed
    ):
        self.duration = duration
        self.rates = rates
        self.lag = lag
        self.num_events = num_events
        self.identity_dim = identity_dim
        self.strength = strength
        self.noise = noise
        self.maps, self.lags = [], []
        latent_dim = identity_dim + 1 + _BACKGROUND_DIM
        for m, width in enumerate(widths.values()):
            generator = np.random.default_rng([data_seed, 0, m])
            self.lags.append(lag * generator.random())
            self.maps.append(generator.normal(size=(latent_dim, width)) / latent_dim**0.5)

    def clips(self, generator):
        """Draw a block of samples."""
        return Clips(
            generator, self.duration, self.rates.values(), self.num_events, self.identity_dim
        )

    def show(self, clips, contrary, m, generator):
        """Show modality m, saying the opposite where `contrary[m]`.

        Returns:
            The sample and the event (-1: none) of each step, samples in a row, and its features.
        """
        name = list(self.rates)[m]
        sample, events = clips.timeline(m, self.rates[name], self.lags[m])
        said = np.where(contrary[m][:, None], clips.opposite[m], clips.said[m])
        active = events >= 0
        at = sample[active], events[active]
        seen = np.empty((len(sample), len(self.maps[m])), "float32")
        seen[:, :-_BACKGROUND_DIM] = 0
        seen[active, : self.identity_dim] = self.strength[name] * clips.identity[at]
        seen[active, self.identity_dim] = self.strength[name] * _GAIN * said[at]
        seen[:, -_BACKGROUND_DIM:] = generator.normal(size=(len(sample), _BACKGROUND_DIM))
        x = np.tanh(seen @ self.maps[m].astype("float32"))
        x += np.float32(self.noise[name]) * generator.standard_normal(x.shape, dtype="float32")
        return sample, events, x

    def settings(self):
        """Return what makes this world, beside what all worlds have."""
        numbers = (self.duration, self.lag, *self.num_events, self.identity_dim)
        return (*numbers, in_order(self.rates))


class Clips(Labelled):
    """What happens in a block of samples, before any modality shows it.

    Shapes: `(samples,)`, `(samples, events)` and `(modalities, samples, events)`.
    """

    label_gain = 2.0
    # These bounds put the four emotions near their shares in IEMOCAP.
    happy_above, negative_below, excited_above = 0.31, -0.02, 0.5

    def __init__(self, generator, duration, rates, num_events, identity_dim):
        least, most = num_events
        shape = (BLOCK, most)
        self.seconds = duration * generator.uniform(_SHORTEST, LONGEST, BLOCK)
        self.lengths = [np.ceil(self.seconds * rate - 1e-6).astype(int) for rate in rates]
        # The share of the time that shows an event at one step at least of each modality.
        enough = 1.0 / (min(rates) * self.seconds * (_LAST - _FIRST))
        number = generator.integers(least, most + 1, BLOCK)
        self.num_events = np.clip(number, 1, np.maximum(1, np.floor(1.0 / enough))).astype(int)
        self.exists = np.arange(most) < self.num_events[:, None]
        drawn = generator.gamma(6.0, size=shape) * self.exists
        drawn /= drawn.sum(axis=1, keepdims=True)
        enough = np.minimum(enough, 1.0 / self.num_events)[:, None]
        share = self.exists * enough + (1.0 - self.num_events[:, None] * enough) * drawn
        self.share = self.seconds[:, None] * share
        self.start = np.cumsum(self.share, axis=1) - self.share
        direction = generator.normal(size=(*shape, identity_dim))
        length = np.sqrt((direction**2).sum(axis=-1, keepdims=True))
        self.identity = identity_dim**0.5 * direction / length
        sign = np.where(generator.random(shape) < 0.5, -1.0, 1.0)
        polarity = sign * generator.uniform(0.5, 1.0, shape)
        intensity = np.where(generator.random(shape) < 0.5, _WEAK, _STRONG)
        meant = np.where(generator.random(shape) < _NOT_MEANT, -1.0, 1.0)
        self.said = np.stack([polarity, intensity, meant])
        self.opposite = np.stack([-polarity, _WEAK + _STRONG - intensity, -meant])
        self.valence = self.mean_over_events(polarity * intensity * meant)
        self.arousal = self.mean_over_events(intensity)

    def timeline(self, m, rate, lag):
        """Give the sample and the event (-1: none) of each step of modality m, samples in a row."""
        lengths = self.lengths[m]
        sample = np.repeat(np.arange(BLOCK), lengths)
        step = np.arange(len(sample)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        seconds = ((step + 0.5) / rate)[:, None]
        late = self.start + np.minimum(lag, (1.0 - _LAST) * self.share)
        first, last = late + _FIRST * self.share, late + _LAST * self.share
        shows = (first[sample] <= seconds) & (seconds < last[sample]) & self.exists[sample]
        return sample, np.where(shows.any(axis=1), shows.argmax(axis=1), -1)
