"""Simulated sentiment: asynchronous sequences whose events have to be matched across modalities."""

import numpy as np

from kerasfuse.datasets.registry import register
from kerasfuse.datasets.simulation import BLOCK, damage
from kerasfuse.datasets.simulation.clock import Clock
from kerasfuse.datasets.simulation.codes import Codes
from kerasfuse.datasets.simulation.options import (
    LIMITS,
    NOISE,
    SPLITS,
    WIDTHS,
    by_modality,
    check_number,
    checked_clock,
    checked_lengths,
    checked_sizes,
    checked_world,
    in_order,
    strengths,
)


@register
def simulated(
    split,
    data_dir=None,
    *,
    world="clock",
    like="mosei",
    num_samples=None,
    duration=None,
    rates=None,
    lag=None,
    num_events=None,
    identity_dim=None,
    typical_lengths=None,
    noise=None,
    imbalance=0.0,
    incongruity=0.0,
    missing_frames=0.0,
    missing_modalities=0.0,
    data_seed=0,
):
    r"""Simulate clips whose sentiment takes the matching of events across modalities.

    A clip lasts some seconds and has a few events in a row. Every modality sees the whole clip, in
    steps at a rate of its own. An event shows in a part of its time, a little later in one modality
    than in another, and in two ways: by its identity, the same in all modalities but in a
    code of each one's own, and by what the modality says of it. Of event k

        text     what is said:          polarity p_k, a sign times 0.5 to 1
        audio    how strongly:          intensity a_k, 0.1 or 1
        vision   whether it is meant:   f_k, -1 with probability 0.25, else 1

    `y = 3 tanh(2 mean_k p_k a_k f_k)` in [-3, 3]

    So text alone gets a part of y from polarities taken at face value. The rest takes two or three
    modalities at the same event, and averages over a clip do not have it. The identity is a random
    direction in `identity_dim` dimensions, and a step shows `x = tanh(A_m z) + noise` with z the
    identity, 2 times what is said, and two numbers of noise. Codes A_m and lags depend on
    `data_seed` alone, so that weights fit all splits; sample i of a split depends on
    `(data_seed, split, i)` and the options, not on `num_samples`.

    It gets harder with more `noise`, more events, a longer `duration` (more steps to look
    through), fewer `identity_dim` (events that look alike) and a larger `lag` (order in time says
    less). A few hundred samples are learnt by heart. From 16,000 on, MICA without its losses
    learns to predict, and its words to attend to the right event; not every pair of modalities
    does, for the label can be had without.

    `world="codes"` is the former world, which recorded results name: 2 to 5 events of one of 12
    identities, with random codes; in each modality m a sentiment
    `s_mk = tanh(mu + 0.7 e_k + 0.5 e_mk)`, with mood mu and e normal, which shows as a polarity
    `q_mk s_mk`, while the qualifier `q_mk`, -1 with probability 0.35 and otherwise 1, shows in the
    *other* modalities. `y = 3 tanh(1.2 sum_m w_m mean_k s_mk / sum_m w_m)`. There each modality
    has its own number of steps, and each event its own onset and duration in it, by a random
    warp of time. Attention does not learn to match in it.

    With `like="iemocap"` labels are one-hot pairs `(4, 2)` of Neutral, Happy, Sad and Angry: sad
    is negative and weak, angry negative and strong.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        data_dir: not used.
        world: `"clock"` or `"codes"`.
        like: `"mosi"`, `"mosei"` or `"iemocap"`, whose feature widths and length limits are taken:
            50x300, 375x5, 500x20; 50x300, 500x74, 500x35; 20x300, 400x74, 500x35.
        num_samples: a number, or a dict of one a split; by default 2000 for training, 400 else.
        duration: of a typical clip in seconds, 2.5 by default; clips last 0.7 to 1.3 times that.
        rates: dict of modality name to steps a second; by default text 4, audio 20, vision 15.
        lag: the largest delay of a modality in seconds, 0.1 by default; each has one, drawn once.
        num_events: the least and the most events of a clip, (3, 4) by default; fewer where there is
            no time for a step of each event in every modality.
        identity_dim: numbers that tell events apart, 4 by default.
        typical_lengths: of `world="codes"`: dict of modality name to the median number of steps; by
            default 20, 100 and 80. Lengths are log-normal around it with spread 0.25, up to the
            limits.
        noise: standard deviation of the noise on each feature, whose signal has 0.5 to 1; a number
            or a dict by modality. 0.1 by default, with `world="codes"` 0.5.
        imbalance: strength of the signal by modality, the size at which events show (and, with
            `world="codes"`, the weight `w_m`). A dict of name to strength (1 where not named), or
            one number x in [0, 1], which leaves text at 1 and sets the others to 1 - x.
        incongruity: fraction of samples in which one modality, drawn at random, says the opposite
            at all events. The label stays.
        missing_frames: probability that a step is all zeros; a number or a dict by modality.
        missing_modalities: probability that a modality of a sample is all zeros; a number or a
            dict by modality. At least one modality stays.
        data_seed: seed of the data. (The `seed` of `load` is that of the shuffling.)

    Returns:
        Arguments of `kerasfuse.datasets.Batches`, with the true alignment.

    Raises:
        ValueError: for options outside their range, or of another world.

    Example:

    >>> batches = kerasfuse.datasets.load("simulated", like="mosi", num_samples=64)
    >>> inputs, y = batches[0]
    >>> {name: int(events.max()) + 1 for name, events in batches.alignment(0).items()}
    {'text': 3, 'audio': 3, 'vision': 3}
    """
    del data_dir
    num_samples = checked_sizes(like, num_samples, data_seed, split)
    options = {
        "duration": duration,
        "rates": rates,
        "lag": lag,
        "num_events": num_events,
        "identity_dim": identity_dim,
        "typical_lengths": typical_lengths,
    }
    options = checked_world(world, options)
    widths = WIDTHS[like]
    strength = strengths(imbalance, widths)
    noise = by_modality("noise", NOISE[world] if noise is None else noise, widths, high=np.inf)
    missing_frames = by_modality("missing_frames", missing_frames, widths)
    missing_modalities = by_modality("missing_modalities", missing_modalities, widths)
    check_number("incongruity", incongruity, 0, 1)
    shown = (widths, strength, noise, data_seed)
    if world == "codes":
        made = Codes(checked_lengths(like, **options), LIMITS[like], *shown)
    else:
        made = Clock(*checked_clock(like, **options).values(), *shown)

    inputs = {name: [] for name in widths}
    alignments = {name: [] for name in widths}
    labels = []
    for block in range(-(-num_samples // BLOCK)):
        seed = [data_seed, 1 + SPLITS.index(split), block]
        # One generator a purpose: a knob that turns changes nothing else.
        clips = made.clips(np.random.default_rng([*seed, 0]))
        labels.append(clips.emotions() if like == "iemocap" else clips.sentiment())
        knobs = np.random.default_rng([*seed, 1])
        contrary = damage.contrary(incongruity, len(widths), knobs)
        kept = damage.kept_modalities(missing_modalities, knobs)
        for m, name in enumerate(widths):
            generator = np.random.default_rng([*seed, 2 + m])
            sample, events, x = made.show(clips, contrary, m, generator)
            lengths = clips.lengths[m]
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
                *("simulated", made.version, split, like, num_samples, data_seed),
                *(float(incongruity), *made.settings()),
                *map(in_order, (strength, noise, missing_frames, missing_modalities)),
            )
        ),
    }
