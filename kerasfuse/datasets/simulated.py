"""Simulated sentiment: asynchronous sequences whose events have to be matched across modalities."""

import numpy as np

from kerasfuse.datasets.registry import register

# Feature widths and length limits of the unaligned files of MulT (Tsai et al., ACL 2019).
_WIDTHS = {
    "mosi": {"text": 300, "audio": 5, "vision": 20},
    "mosei": {"text": 300, "audio": 74, "vision": 35},
    "iemocap": {"text": 300, "audio": 74, "vision": 35},
}
_LIMITS = {
    "mosi": {"text": 50, "audio": 375, "vision": 500},
    "mosei": {"text": 50, "audio": 500, "vision": 500},
    "iemocap": {"text": 20, "audio": 400, "vision": 500},
}
_TYPICAL_LENGTHS = {"text": 20, "audio": 100, "vision": 80}
_NUM_SAMPLES = {"train": 2000, "validation": 400, "test": 400}
_SPLITS = ("train", "validation", "test")

_BLOCK = 64  # samples drawn from one generator
_MAX_EVENTS = 5
_NUM_IDENTITIES = 12
_IDENTITY_DIM = 6
_BACKGROUND_DIM = 4
_HIDDEN_DIM = 32
_LENGTH_SPREAD = 0.25  # standard deviation of the logarithm
_REVERSED = 0.35  # probability that the qualifier of an event is -1
# Mean and scale put the labels of "mosi" and "mosei" near those of MOSI: half of them positive,
# standard deviation 1.6; the bounds put the four emotions near their shares in IEMOCAP.
_LABEL_GAIN = 1.2
_HAPPY_ABOVE, _NEGATIVE_BELOW = 0.7, -0.105


@register
def simulated(
    split,
    data_dir=None,
    *,
    like="mosei",
    num_samples=None,
    typical_lengths=None,
    noise=0.5,
    imbalance=0.0,
    incongruity=0.0,
    missing_frames=0.0,
    missing_modalities=0.0,
    data_seed=0,
):
    r"""Simulate utterances whose sentiment takes the matching of events across modalities.

    A sample has a mood `mu ~ N(0, 1)` and K = 2 to 5 events in a row. Event k has an identity
    (one of 12, all different in a sample) and in each modality m a sentiment
    `s_mk = tanh(mu + 0.7 e_k + 0.5 e_mk)`, with e normal. The label is

    `y = 3 tanh(1.2 sum_m w_m mean_k s_mk / sum_m w_m)` in [-3, 3].

    No modality shows its own `s_mk`. It shows a polarity `p_mk = q_mk s_mk`, where the qualifier
    `q_mk` is -1 with probability 0.35 and otherwise 1, and it shows the qualifiers `q_nk` of the
    *other* modalities n at the same event: the face tells how a word is meant. So one modality
    alone, or averages of all over time, get a part of y from polarities taken at face value; the
    rest takes finding the step of another modality that shows the same event, by the identity,
    which each modality shows in a code of its own, and, less surely, by the order of time.

    Each modality has its own number of steps, and each event its own onset and duration in it, by
    a random warp of time, a delay and a rate of the modality. A step shows
    `x = W2 tanh(W1 z + b) + noise`, where z holds identity, polarity, qualifiers and an energy
    that does not bear on sentiment (zero outside events), and a slow background. Identity codes,
    maps, delays and rates depend on `data_seed` alone, so that weights fit all splits; sample i of
    a split depends on `(data_seed, split, i)` and the options, not on `num_samples`.

    With `like="iemocap"` labels are one-hot pairs `(4, 2)` of Neutral, Happy, Sad and Angry: sad
    is negative with low energy, angry with high energy.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: not used.
        like: `"mosi"`, `"mosei"` or `"iemocap"`, whose feature widths and length limits are taken:
            50x300, 375x5, 500x20; 50x300, 500x74, 500x35; 20x300, 400x74, 500x35.
        num_samples: a number, or a dict of one a split; by default 2000 for training, 400 else.
        typical_lengths: dict of modality name to the median number of steps; by default 20, 100
            and 80. Lengths are log-normal around it with spread 0.25, up to the limits.
        noise: standard deviation of the noise on each feature, whose signal has about 1.
        imbalance: strength of the signal by modality. The strength is both the size at which
            events show and the weight `w_m`. A dict of name to strength (1 where not named), or
            one number x in [0, 1], which leaves text at 1 and sets the others to 1 - x.
        incongruity: fraction of samples in which one modality, drawn at random, shows all its
            polarities with the opposite sign. The label stays.
        missing_frames: probability that a step is all zeros; a number or a dict by modality.
        missing_modalities: probability that a modality of a sample is all zeros; a number or a
            dict by modality. At least one modality stays.
        data_seed: seed of the data. (The `seed` of `load` is that of the shuffling.)

    Returns:
        Arguments of `kerasfuse.datasets.Batches`, with the true alignment.

    Raises:
        ValueError: for options outside their range.

    Example:

    >>> batches = kerasfuse.datasets.load("simulated", like="mosi", num_samples=64)
    >>> inputs, y = batches[0]
    >>> {name: int(events.max()) + 1 for name, events in batches.alignment(0).items()}
    {'text': 2, 'audio': 2, 'vision': 2}
    """
    del data_dir
    options = _checked(like, num_samples, typical_lengths, data_seed, split)
    num_samples, typical = options
    widths, limits = _WIDTHS[like], _LIMITS[like]
    strength = _strengths(imbalance, widths)
    noise = _by_modality("noise", noise, widths, high=np.inf)
    missing_frames = _by_modality("missing_frames", missing_frames, widths)
    missing_modalities = _by_modality("missing_modalities", missing_modalities, widths)
    _check_number("incongruity", incongruity, 0, 1)

    maps = {
        name: _Map(np.random.default_rng([data_seed, 0, m]), width, len(widths))
        for m, (name, width) in enumerate(widths.items())
    }
    inputs = {name: [] for name in widths}
    alignments = {name: [] for name in widths}
    labels = []
    for block in range(-(-num_samples // _BLOCK)):
        seed = [data_seed, 1 + _SPLITS.index(split), block]
        # One generator a purpose: a knob that turns changes nothing else.
        latent = _Latent(np.random.default_rng([*seed, 0]), typical, limits, strength)
        labels.append(latent.emotions() if like == "iemocap" else latent.sentiment())
        knobs = np.random.default_rng([*seed, 1])
        shown = _incongruous(latent.polarity, incongruity, knobs)
        kept = _kept_modalities(missing_modalities, knobs)
        for m, name in enumerate(widths):
            generator = np.random.default_rng([*seed, 2 + m])
            sample, events = latent.timeline(m, maps[name], generator)
            x = maps[name].show(
                sample, events, latent, shown, strength[name], noise[name], m, generator
            )
            lengths = latent.lengths[m]
            visible = generator.random(len(x)) >= missing_frames[name]
            first = np.cumsum(lengths) - lengths
            visible[first + generator.integers(lengths)] = True  # one frame at least
            visible &= kept[sample, m]
            x[~visible] = 0
            events[~visible] = -1
            cuts = first[1:]
            inputs[name] += np.split(x, cuts)
            alignments[name] += np.split(events, cuts)
    return {
        "inputs": {name: samples[:num_samples] for name, samples in inputs.items()},
        "labels": np.concatenate(labels)[:num_samples],
        "label_range": (-3, 3),
        "ids": [f"simulated_{like}/{split}/{i}" for i in range(num_samples)],
        "alignments": alignments,
    }


class _Latent:
    """What happens in a block of samples, before any modality shows it.

    Shapes: `(samples,)`, `(samples, events)` and `(modalities, samples, events)`.
    """

    def __init__(self, generator, typical, limits, strength):
        names = list(typical)
        shape = (_BLOCK, _MAX_EVENTS)
        self.lengths = np.stack(
            [
                np.clip(
                    np.round(typical[n] * np.exp(_LENGTH_SPREAD * generator.normal(size=_BLOCK))),
                    1,
                    limits[n],
                )
                for n in names
            ]
        ).astype(int)
        num_events = generator.integers(2, _MAX_EVENTS + 1, _BLOCK)
        # Each event needs a step of its own in each modality.
        self.num_events = np.minimum(num_events, self.lengths.min(axis=0))
        self.exists = np.arange(_MAX_EVENTS) < self.num_events[:, None]
        self.identity = generator.random((_BLOCK, _NUM_IDENTITIES)).argsort(axis=1)
        self.identity = self.identity[:, :_MAX_EVENTS]
        mood = generator.normal(size=(_BLOCK, 1))
        event = mood + 0.7 * generator.normal(size=shape)
        self.contribution = np.tanh(event + 0.5 * generator.normal(size=(len(names), *shape)))
        arousal = generator.normal(size=(_BLOCK, 1))
        self.energy = np.tanh(arousal + 0.7 * generator.normal(size=shape))
        reverse = generator.random((len(names), *shape)) < _REVERSED
        self.qualifier = np.where(reverse, -1.0, 1.0)
        self.polarity = self.qualifier * self.contribution
        # How long an event is on the common clock; modalities warp it further.
        self.share = generator.gamma(6.0, size=shape)
        weights = np.array([strength[n] for n in names])
        weighted = np.tensordot(weights / weights.sum(), self.contribution, 1)
        self.valence = self._mean_over_events(weighted)

    def _mean_over_events(self, x):
        return (x * self.exists).sum(axis=1) / self.num_events

    def sentiment(self):
        return 3 * np.tanh(_LABEL_GAIN * self.valence)

    def emotions(self):
        happy = self.valence > _HAPPY_ABOVE
        negative = self.valence < _NEGATIVE_BELOW
        excited = self._mean_over_events(self.energy) > 0
        present = [~happy & ~negative, happy, negative & ~excited, negative & excited]
        present = np.stack(present, axis=1).astype("float32")
        return np.stack([1 - present, present], axis=2)

    def timeline(self, m, rule, generator):
        """Give the sample and the event (-1: none) of each step of modality m, samples in a row."""
        lengths, num_events = self.lengths[m], self.num_events
        share = self.share * np.exp(0.3 * generator.normal(size=self.share.shape)) * self.exists
        ends = share.cumsum(axis=1) / share.sum(axis=1, keepdims=True)
        # One step for each event, the others by share: borders of the slots of events.
        spare = (lengths - num_events)[:, None]
        stop = np.round(ends * spare).astype(int) + np.arange(1, _MAX_EVENTS + 1)
        start = np.concatenate([np.zeros((_BLOCK, 1), int), stop[:, :-1]], axis=1)
        size = stop - start
        duration = np.maximum(1, np.round(rule.rate * size)).astype(int)
        place = np.clip(rule.delay + generator.uniform(-0.25, 0.25, size.shape), 0, 1)
        onset = start + np.round(place * (size - duration)).astype(int)

        sample = np.repeat(np.arange(_BLOCK), lengths)
        step = np.arange(len(sample)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        shows = (step[:, None] >= onset[sample]) & (step[:, None] < (onset + duration)[sample])
        shows &= self.exists[sample]
        return sample, np.where(shows.any(axis=1), shows.argmax(axis=1), -1)


class _Map:
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


def _incongruous(polarity, fraction, generator):
    chosen = generator.random(_BLOCK) < fraction
    modality = generator.integers(len(polarity), size=_BLOCK)
    flips = chosen & (np.arange(len(polarity))[:, None] == modality)
    return np.where(flips[:, :, None], -polarity, polarity)


def _kept_modalities(missing, generator):
    """Give `(samples, modalities)` booleans with at least one true a sample."""
    probability = np.array(list(missing.values()))
    draws = generator.random((_BLOCK, len(missing)))
    kept = draws >= probability
    none = ~kept.any(axis=1)
    # The one that was nearest to staying stays.
    kept[none, (draws - probability)[none].argmax(axis=1)] = True
    return kept


def _checked(like, num_samples, typical_lengths, data_seed, split):
    if like not in _WIDTHS:
        raise ValueError(
            f"expected like to be one of {', '.join(map(repr, _WIDTHS))}. Received: like={like!r}"
        )
    if isinstance(num_samples, dict):
        unknown = sorted(set(num_samples) - set(_SPLITS))
        if unknown:
            raise ValueError(
                f"expected num_samples to name splits, {_SPLITS}. Received: {', '.join(unknown)}"
            )
        num_samples = num_samples.get(split)
    if num_samples is None:
        num_samples = _NUM_SAMPLES[split]
    for name, value, least in (("num_samples", num_samples, 1), ("data_seed", data_seed, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"expected {name} to be an integer from {least}. Received: {value!r}")
    typical_lengths = typical_lengths or {}
    _check_modalities("typical_lengths", typical_lengths, _WIDTHS[like])
    typical = {}
    for name, limit in _LIMITS[like].items():
        typical[name] = typical_lengths.get(name, min(_TYPICAL_LENGTHS[name], limit))
        _check_number(f"typical_lengths[{name!r}]", typical[name], 1, limit)
    return int(num_samples), typical


def _strengths(imbalance, names):
    if not isinstance(imbalance, dict):
        _check_number("imbalance", imbalance, 0, 1)
        imbalance = {name: 1 if name == "text" else 1 - imbalance for name in names}
    _check_modalities("imbalance", imbalance, names)
    strength = {name: imbalance.get(name, 1) for name in names}
    for name, value in strength.items():
        _check_number(f"imbalance[{name!r}]", value, 0, np.inf)
    if not any(strength.values()):
        raise ValueError("expected a modality of positive strength. Received: imbalance of zeros")
    return strength


def _by_modality(argument, value, names, high=1):
    if not isinstance(value, dict):
        value = dict.fromkeys(names, value)
    _check_modalities(argument, value, names)
    values = {name: value.get(name, 0.0) for name in names}
    for name, number in values.items():
        _check_number(f"{argument} of {name!r}", number, 0, high)
    return values


def _check_modalities(argument, value, names):
    if not isinstance(value, dict) or not set(value) <= set(names):
        raise ValueError(
            f"expected {argument} to be a dict with keys among {', '.join(map(repr, names))}. "
            f"Received: {value!r}"
        )


def _check_number(argument, value, low, high):
    try:
        inside = low <= value <= high and np.isfinite(value)
    except TypeError:
        inside = False
    if not inside:
        raise ValueError(
            f"expected {argument} to be a number between {low} and {high}. Received: {value!r}"
        )
