"""Simulated sentiment: asynchronous sequences whose events have to be matched across modalities."""

import numpy as np

from kerasfuse.datasets.registry import register
from kerasfuse.datasets.simulated_events import BLOCK, VERSION, Latent, Map
from kerasfuse.datasets.simulated_options import (
    LIMITS,
    SPLITS,
    WIDTHS,
    by_modality,
    check_number,
    checked_sizes,
    strengths,
)


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
    num_samples, typical = checked_sizes(like, num_samples, typical_lengths, data_seed, split)
    widths, limits = WIDTHS[like], LIMITS[like]
    strength = strengths(imbalance, widths)
    noise = by_modality("noise", noise, widths, high=np.inf)
    missing_frames = by_modality("missing_frames", missing_frames, widths)
    missing_modalities = by_modality("missing_modalities", missing_modalities, widths)
    check_number("incongruity", incongruity, 0, 1)

    maps = {
        name: Map(np.random.default_rng([data_seed, 0, m]), width, len(widths))
        for m, (name, width) in enumerate(widths.items())
    }
    inputs = {name: [] for name in widths}
    alignments = {name: [] for name in widths}
    labels = []
    for block in range(-(-num_samples // BLOCK)):
        seed = [data_seed, 1 + SPLITS.index(split), block]
        # One generator a purpose: a knob that turns changes nothing else.
        latent = Latent(np.random.default_rng([*seed, 0]), typical, limits, strength)
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
        "identity": repr(
            (
                *("simulated", VERSION, split, like, num_samples, data_seed, float(incongruity)),
                *map(_in_order, (typical, strength, noise, missing_frames, missing_modalities)),
            )
        ),
    }


def _in_order(by_modality):
    """Give a dict of numbers as one text, however it was written."""
    return sorted((name, float(value)) for name, value in by_modality.items())


def _incongruous(polarity, fraction, generator):
    chosen = generator.random(BLOCK) < fraction
    modality = generator.integers(len(polarity), size=BLOCK)
    flips = chosen & (np.arange(len(polarity))[:, None] == modality)
    return np.where(flips[:, :, None], -polarity, polarity)


def _kept_modalities(missing, generator):
    """Give `(samples, modalities)` booleans with at least one true a sample."""
    probability = np.array(list(missing.values()))
    draws = generator.random((BLOCK, len(missing)))
    kept = draws >= probability
    none = ~kept.any(axis=1)
    # The one that was nearest to staying stays.
    kept[none, (draws - probability)[none].argmax(axis=1)] = True
    return kept
