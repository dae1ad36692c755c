"""The world with a clock: what its modalities share, and that matching events is worth it."""

import numpy as np
import pytest

from kerasfuse.datasets import load

RATES = {"text": 4, "audio": 20, "vision": 15}


def simulate(split="train", **options):
    return load("simulated", split, shuffle=False, **options)


def steps_of(batches, name):
    """Return the valid steps of each sample."""
    found = []
    for x, _ in batches:
        for row in x[name]:
            real = np.flatnonzero(row.any(axis=-1))
            found.append(row[real[0] : real[-1] + 1])
    return found


def alignments(batches):
    return [batches.alignment(i) for i in range(batches.num_samples)]


def runs(events):
    """Return event -> (first step, step after the last)."""
    return {
        int(k): (np.flatnonzero(events == k)[0], np.flatnonzero(events == k)[-1] + 1)
        for k in np.unique(events[events >= 0])
    }


def test_all_modalities_last_as_long_at_their_own_rates():
    found = alignments(simulate(num_samples=200))
    seconds = {m: np.array([len(a[m]) / rate for a in found]) for m, rate in RATES.items()}
    for m, rate in RATES.items():
        # Every modality sees all of the clip, and less than a step more.
        assert (np.abs(seconds[m] - seconds["audio"]) < 1 / rate + 1 / 20).all()
    assert 1.75 <= seconds["audio"].min() < 1.9 and 3.1 < seconds["audio"].max() <= 3.3
    assert 2.3 < np.median(seconds["audio"]) < 2.7
    fast = alignments(simulate(num_samples=4, rates={"text": 3, "audio": 40}, duration=3))
    for a, length in ((a, len(a["vision"]) / 15) for a in fast):
        assert abs(len(a["text"]) / 3 - length) < 0.4
        assert abs(len(a["audio"]) / 40 - length) < 0.1


def test_an_event_is_at_the_same_time_in_all_modalities_but_for_a_lag():
    for lag in (0.0, 0.1):
        late = []
        for a in alignments(simulate(num_samples=100, lag=lag)):
            seen = {m: runs(events) for m, events in a.items()}
            assert seen["text"].keys() == seen["audio"].keys() == seen["vision"].keys()
            assert 3 <= len(seen["text"]) <= 4
            for events in a.values():  # in order, each in one run
                assert (np.diff(events[events >= 0]) >= 0).all()
                assert all((events[i:j] == k).all() for k, (i, j) in runs(events).items())
            for k, (first, last) in seen["audio"].items():
                for m in ("text", "vision"):
                    start, stop = (step / RATES[m] for step in seen[m][k])
                    # Half a step of either, before and after.
                    slack = 0.5 / RATES[m] + 0.5 / 20 + lag
                    assert abs(start - first / 20) <= slack and abs(stop - last / 20) <= slack
                late.append(seen["vision"][k][0] / 15 - first / 20)
        if lag == 0:
            assert abs(np.mean(late)) < 0.01
        else:
            assert 0.015 < abs(np.mean(late)) <= lag


def test_where_time_is_short_there_are_fewer_events_and_all_show():
    found = alignments(simulate(num_samples=100, duration=0.6, num_events=(4, 6)))
    counts = [{m: len(runs(events)) for m, events in a.items()} for a in found]
    assert all(len(set(c.values())) == 1 for c in counts)
    # Two events of a word each take 0.5 seconds of speech, in 0.65 of a clip.
    assert {c["text"] for c in counts} == {1, 2}
    crowded = alignments(simulate(num_samples=50, num_events=(6, 9), duration=4))
    counts = [{m: len(runs(events)) for m, events in a.items()} for a in crowded]
    assert all(len(set(c.values())) == 1 and 5 <= c["text"] <= 9 for c in counts)


def test_chance_is_at_most_a_fifth():
    """Attention that falls on any step of a clip is right by chance."""
    for source in RATES:
        for target in set(RATES) - {source}:
            shares = []
            for a in alignments(simulate(num_samples=200)):
                same = (a[target][:, None] == a[source]) & (a[target][:, None] >= 0)
                shares.append(same[same.any(axis=1)].mean(axis=1))
            assert 0.1 < np.concatenate(shares).mean() < 0.2


def test_labels_are_spread_and_all_emotions_happen():
    labels = simulate(num_samples=1000).labels
    assert labels.shape == (1000, 1) and np.abs(labels).max() <= 3
    assert 1.2 < labels.std() < 1.6 and 0.45 < (labels >= 0).mean() < 0.55
    shares = simulate(num_samples=1000, like="iemocap").labels[:, :, 1].mean(axis=0)
    assert abs(shares.sum() - 1) < 1e-6
    # Neutral, happy, sad and angry in IEMOCAP's test split.
    np.testing.assert_allclose(shares, np.array([383, 135, 193, 227]) / 938, atol=0.06)


def test_a_sample_depends_on_seed_split_and_position_alone():
    few, more = (simulate(num_samples=n) for n in (70, 100))
    np.testing.assert_array_equal(few.labels, more.labels[:70])
    for name in few.modalities:
        pairs = zip(steps_of(few, name), steps_of(more, name), strict=False)
        assert all(np.array_equal(a, b) for a, b in pairs)
    for change in ({"split": "test"}, {"data_seed": 1}):
        assert not np.isin(simulate(num_samples=70, **change).labels, few.labels).any()


def test_the_checksum_tells_options_apart():
    base = simulate(num_samples=8).checksum()
    for same in ({"duration": 2.5}, {"rates": {"text": 4.0}}, {"num_events": [3, 4]}, {"lag": 0.1}):
        assert simulate(num_samples=8, **same).checksum() == base
    for change in (
        {"world": "codes"},
        {"duration": 3},
        {"rates": {"audio": 25}},
        {"lag": 0.2},
        {"num_events": (2, 4)},
        {"identity_dim": 3},
        {"noise": 0.4},
        {"like": "mosi"},
    ):
        assert simulate(num_samples=8, **change).checksum() != base


def test_knobs_change_only_what_they_are_for():
    base = simulate(num_samples=64, noise=0.0)
    flipped = simulate(num_samples=64, noise=0.0, incongruity=1.0)
    np.testing.assert_array_equal(base.labels, flipped.labels)
    differs = {
        n: [
            (a != b).any(axis=1)
            for a, b in zip(steps_of(base, n), steps_of(flipped, n), strict=True)
        ]
        for n in base.modalities
    }
    assert (np.sum([[d.any() for d in x] for x in differs.values()], axis=0) == 1).all()
    for name, samples in differs.items():
        for i, steps in enumerate(samples):
            shown = base.alignment(i)[name] >= 0
            assert (steps == (shown & steps.any())).all()  # all steps of events, and no others
    hidden = simulate(num_samples=64, noise=0.0, imbalance={"audio": 0.0})
    shown = [a["audio"] >= 0 for a in alignments(hidden)]
    x = steps_of(hidden, "audio")
    inside = np.concatenate([s[e] for s, e in zip(x, shown, strict=True)])
    outside = np.concatenate([s[~e] for s, e in zip(x, shown, strict=True)])
    assert abs(inside.std() / outside.std() - 1) < 0.05


def test_missing_frames_and_modalities():
    batches = simulate(
        num_samples=200, missing_frames={"audio": 0.5}, missing_modalities={"vision": 0.3}
    )
    assert 0.2 < np.mean([len(a["vision"]) == 0 for a in alignments(batches)]) < 0.4
    for a, x in zip(alignments(batches), steps_of(batches, "audio"), strict=True):
        assert len(a["audio"]) == len(x) and (a["audio"][~x.any(axis=1)] == -1).all()


def least_squares(x_train, y_train, x_test, y_test):
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0) + 1e-6
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation
    penalty = 0.01 * len(x_train) * np.eye(x_train.shape[1])
    weights = np.linalg.solve(x_train.T @ x_train + penalty, x_train.T @ y_train)
    return np.corrcoef(x_test @ weights, y_test)[0, 1]


def test_matching_two_modalities_at_the_same_event_is_worth_it():
    """Text alone < all of them averaged over time < products at the same event."""
    features = {}
    for split, number in (("train", 2000), ("test", 500)):
        data = simulate(split, num_samples=number, noise=0.2)
        steps = {m: steps_of(data, m) for m in data.modalities}
        # The first 8 features stand for them all, to keep the products few.
        events = [
            {
                m: np.array([steps[m][i][e == k, :8].mean(axis=0) for k in range(e.max() + 1)])
                for m, e in data.alignment(i).items()
            }
            for i in range(number)
        ]
        text = np.array([e["text"].mean(axis=0) for e in events])
        audio, vision = (np.array([e[m].mean(axis=0) for e in events]) for m in ("audio", "vision"))

        def product(a, b):
            return (a.T @ b).ravel() / len(a)

        blind = [product(e["text"].mean(0)[None], e["vision"].mean(0)[None]) for e in events]
        matched = [product(e["text"], e["vision"]) for e in events]
        louder = [product(e["text"], e["audio"]) for e in events]
        features[split] = (
            {
                "text": text,
                "averages": np.hstack([text, audio, vision, blind]),
                "matched": np.hstack([text, audio, vision, matched, louder]),
            },
            data.labels[:, 0],
        )
    (train, y_train), (test, y_test) = features["train"], features["test"]
    scores = {k: least_squares(train[k], y_train, test[k], y_test) for k in train}
    assert 0.2 < scores["text"] < 0.6
    assert scores["matched"] > scores["averages"] + 0.1
    assert scores["matched"] > scores["text"] + 0.15


@pytest.mark.parametrize("like", ["mosi", "mosei", "iemocap"])
def test_widths(like):
    batches = simulate(num_samples=3, like=like)
    x, _ = batches[0]
    widths = {"mosi": (300, 5, 20)}.get(like, (300, 74, 35))
    assert tuple(batches.modalities.values()) == widths
    assert tuple(x[m].shape[-1] for m in RATES) == widths
