"""The world of codes: twelve identities, and a clock of its own for each modality."""

import numpy as np

from kerasfuse.datasets.simulation import BLOCK
from kerasfuse.datasets.simulation.labels import Labelled
from kerasfuse.datasets.simulation.options import in_order

_MAX_EVENTS = 5
_NUM_IDENTITIES = 12
_IDENTITY_DIM = 6
_BACKGROUND_DIM = 4
_HIDDEN_DIM = 32
_LENGTH_SPREAD = 0.25  # standard deviation of the logarithm
_REVERSED = 0.35  # probability that the qualifier of an event is -1


class Codes:
    """Clips whose events have one of twelve identities, and whose modalities have a time each.

    Args:
        typical: dict of modality to median number of steps.
        limits: dict of modality to the largest number.
        widths: dict of modality to feature width.
        strength, noise: dicts of modality to number.
        data_seed: seed of identity codes, maps, delays and rates.
    """

    # Goes up with every change of what is simulated.
    version = 1

    def __init__(self, typical, limits, widths, strength, noise, data_seed):
        self.typical = typical
        self.limits = limits
        self.strength = strength
        self.noise = noise
        self.maps = [
            Map(np.random.default_rng([data_seed, 0, m]), width, len(widths))
            for m, width in enumerate(widths.values())
        ]

    def clips(self, generator):
        """Draw a block of samples."""
        return Latent(generator, self.typical, self.limits, self.strength)

    def show(self, clips, contrary, m, generator):
        """Show modality m, of the opposite polarity where `contrary[m]`.

        Returns:
            The sample and the event (-1: none) of each step, samples in a row, and its features.
        """
        name = list(self.typical)[m]
        polarity = np.where(contrary[:, :, None], -clips.polarity, clips.polarity)
        sample, events = clips.timeline(m, self.maps[m], generator)
        strength, noise = self.strength[name], self.noise[name]
        x = self.maps[m].show(sample, events, clips, polarity, strength, noise, m, generator)
        return sample, events, x

    def settings(self):
        """Return what makes this world, beside what all worlds have."""
        return (in_order(self.typical),)


class Latent(Labelled):
    """What happens in a block of samples, before any modality shows it.

    Shapes: `(samples,)`, `(samples, events)` and `(modalities, samples, events)`.
    """

    # Mean and scale put the labels of "mosi" and "mosei" near those of MOSI: half of them positive,
    # standard deviation 1.6; the bounds put the four emotions near their shares in IEMOCAP.
    label_gain = 1.2
    happy_above, negative_below, excited_above = 0.7, -0.105, 0.0

    def __init__(self, generator, typical, limits, strength):
        names = list(typical)
        shape = (BLOCK, _MAX_EVENTS)
        self.lengths = np.stack(
            [
                np.clip(
                    np.round(typical[n] * np.exp(_LENGTH_SPREAD * generator.normal(size=BLOCK))),
                    1,
                    limits[n],
                )
                for n in names
            ]
        ).astype(int)
        num_events = generator.integers(2, _MAX_EVENTS + 1, BLOCK)
        # Each event needs a step of its own in each modality.
        self.num_events = np.minimum(num_events, self.lengths.min(axis=0))
        self.exists = np.arange(_MAX_EVENTS) < self.num_events[:, None]
        self.identity = generator.random((BLOCK, _NUM_IDENTITIES)).argsort(axis=1)
        self.identity = self.identity[:, :_MAX_EVENTS]
        mood = generator.normal(size=(BLOCK, 1))
        event = mood + 0.7 * generator.normal(size=shape)
        self.contribution = np.tanh(event + 0.5 * generator.normal(size=(len(names), *shape)))
        arousal = generator.normal(size=(BLOCK, 1))
        self.energy = np.tanh(arousal + 0.7 * generator.normal(size=shape))
        reverse = generator.random((len(names), *shape)) < _REVERSED
        self.qualifier = np.where(reverse, -1.0, 1.0)
        self.polarity = self.qualifier * self.contribution
        # How long an event is on the common clock; modalities warp it further.
        self.share = generator.gamma(6.0, size=shape)
        weights = np.array([strength[n] for n in names])
        weighted = np.tensordot(weights / weights.sum(), self.contribution, 1)
        self.valence = self.mean_over_events(weighted)
        self.arousal = self.mean_over_events(self.energy)

    def timeline(self, m, rule, generator):
        """Give the sample and the event (-1: none) of each step of modality m, samples in a row."""
        lengths, num_events = self.lengths[m], self.num_events
        share = self.share * np.exp(0.3 * generator.normal(size=self.share.shape)) * self.exists
        ends = share.cumsum(axis=1) / share.sum(axis=1, keepdims=True)
        # One step for each event, the others by share: borders of the slots of events.
        spare = (lengths - num_events)[:, None]
        stop = np.round(ends * spare).astype(int) + np.arange(1, _MAX_EVENTS + 1)
        start = np.concatenate([np.zeros((BLOCK, 1), int), stop[:, :-1]], axis=1)
        size = stop - start
        duration = np.maximum(1, np.round(rule.rate * size)).astype(int)
        place = np.clip(rule.delay + generator.uniform(-0.25, 0.25, size.shape), 0, 1)
        onset = start + np.round(place * (size - duration)).astype(int)

        sample = np.repeat(np.arange(BLOCK), lengths)
        step = np.arange(len(sample)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        shows = (step[:, None] >= onset[sample]) & (step[:, None] < (onset + duration)[sample])
        shows &= self.exists[sample]
        return sample, np.where(shows.any(axis=1), shows.argmax(axis=1), -1)


class Map:
    """How one modality shows events: identity codes, a random nonlinear map, a delay and a rate."""

    def __init__(self, generator, width, num_modalities):
        latent_dim = _IDENTITY_DIM + 1 + (num_modalities - 1) + 1 + _BACKGROUND_DIM
        self.codes = generator.normal(size=(_NUM_IDENTITIES, _IDENTITY_DIM))
        self.inner = generator.normal(size=(latent_dim, _HIDDEN_DIM)) / latent_dim**0.5
        self.bias = 0.3 * generator.normal(size=_HIDDEN_DIM)
        self.outer = generator.normal(size=(_HIDDEN_DIM, width)) * (2.5 / _HIDDEN_DIM) ** 0.5
        self.delay = generator.uniform(0.1, 0.9)
        self.rate = generator.uniform(0.35, 0.65)

    def show(self, sample, events, latent, polarity, strength, noise, m, generator):
        active = events >= 0
        at = sample[active], events[active]
        others = np.delete(latent.qualifier, m, axis=0)
        seen = np.zeros((len(sample), len(self.inner)), "float32")
        seen[active, :-_BACKGROUND_DIM] = strength * np.concatenate(
            [
                self.codes[latent.identity[at]],
                2 * polarity[m][at][:, None],
                1.5 * np.stack([q[at] for q in others], axis=1),
                latent.energy[at][:, None],
            ],
            axis=1,
        )
        # A background that changes slowly: the mean of five neighbouring draws.
        drawn = generator.normal(size=(len(sample) + 4, _BACKGROUND_DIM))
        slow = sum(drawn[i : i + len(sample)] for i in range(5)) / 5**0.5
        seen[:, -_BACKGROUND_DIM:] = slow
        hidden = np.tanh(seen @ self.inner.astype("float32") + self.bias.astype("float32"))
        x = hidden @ self.outer.astype("float32")
        x += np.float32(noise) * generator.standard_normal(x.shape, dtype="float32")
        return x
