"""The world of codes, and what all worlds share: shapes, repeatability, and each knob."""

import numpy as np
import pytest

from kerasfuse.datasets import arguments, load

SMALL = {
    "world": "codes",
    "typical_lengths": {"text": 8, "audio": 30, "vision": 20},
    "shuffle": False,
}


def samples(batches, name):
    """Return the valid steps of each sample."""
    found = []
    for x, _ in batches:
        for row in x[name]:
            steps = np.flatnonzero(row.any(axis=-1))
            found.append(row[steps[0] : steps[-1] + 1] if len(steps) else row[:0])
    return found


@pytest.mark.parametrize(
    ("like", "widths", "limits"),
    [
        ("mosi", (300, 5, 20), (50, 375, 500)),
        ("mosei", (300, 74, 35), (50, 500, 500)),
        ("iemocap", (300, 74, 35), (20, 400, 500)),
    ],
)
def test_widths_limits_and_labels(like, widths, limits):
    names = ("text", "audio", "vision")
    for typical in (dict(zip(names, limits, strict=True)), dict.fromkeys(names, 1)):
        batches = load(
            "simulated", world="codes", like=like, num_samples=9, typical_lengths=typical
        )
        assert batches.modalities == dict(zip(names, widths, strict=True))
        for x, _ in batches:
            for name, limit in zip(names, limits, strict=True):
                assert 1 <= x[name].shape[1] <= limit
    labels = load("simulated", like=like, num_samples=300, **SMALL).labels
    if like == "iemocap":
        assert labels.shape == (300, 4, 2) and (labels.sum(axis=2) == 1).all()
        assert (labels[:, :, 1].sum(axis=1) == 1).all() and labels[:, :, 1].any(axis=0).all()
    else:
        assert labels.shape == (300, 1) and np.abs(labels).max() <= 3
        assert len(np.unique(labels)) > 250 and 0.4 < (labels >= 0).mean() < 0.6
        assert 1.2 < labels.std() < 2


def test_lengths_vary_around_the_typical_one():
    batches = load("simulated", world="codes", num_samples=400, shuffle=False)
    for name, typical in {"text": 20, "audio": 100, "vision": 80}.items():
        lengths = [len(x) for x in samples(batches, name)]
        assert abs(np.median(lengths) / typical - 1) < 0.1
        assert 0.2 < np.std(np.log(lengths)) < 0.3


def test_a_sample_depends_on_seed_split_and_position_alone():
    base = load("simulated", num_samples=70, **SMALL)
    more = load("simulated", num_samples=100, **SMALL)
    assert base.ids == more.ids[:70] and base.ids[3] == "simulated_mosei/train/3"
    np.testing.assert_array_equal(base.labels, more.labels[:70])
    for name in base.modalities:
        pairs = zip(samples(base, name), samples(more, name), strict=False)
        assert all(np.array_equal(a, b) for a, b in pairs)
    for change in ({"split": "test"}, {"data_seed": 1}):
        other = load("simulated", num_samples=70, **SMALL, **change)
        assert not np.isin(other.labels, base.labels).any()


def test_the_checksum_is_that_of_the_options_and_not_of_last_bits():
    base = load("simulated", num_samples=8, **SMALL)
    assert load("simulated", num_samples=9, **SMALL).checksum() != base.checksum()
    for same in ({"imbalance": 0}, {"noise": {"text": 0.5, "audio": 0.5, "vision": 0.5}}):
        assert load("simulated", num_samples=8, **SMALL, **same).checksum() == base.checksum()
    for change in (
        {"split": "test"},
        {"data_seed": 1},
        {"noise": 0.4},
        {"imbalance": 0.5},
        {"incongruity": 0.1},
        {"missing_frames": 0.1},
        {"missing_modalities": {"audio": 0.1}},
        {"like": "mosi"},
    ):
        assert load("simulated", num_samples=8, **SMALL | change).checksum() != base.checksum()


def test_alignment_is_in_order_and_shared():
    batches = load("simulated", num_samples=100, **SMALL)
    lengths = {name: [len(x) for x in samples(batches, name)] for name in batches.modalities}
    shares = {name: [] for name in batches.modalities}
    for i in range(100):
        events = batches.alignment(i)
        num_events = max(x.max() for x in events.values()) + 1
        assert 2 <= num_events <= 5
        for name, steps in events.items():
            assert len(steps) == lengths[name][i]
            shown = steps[steps >= 0]
            # Every event shows, in order, in one run of steps.
            assert (np.diff(shown) >= 0).all()
            runs = np.flatnonzero(np.diff(np.r_[-1, steps])) if len(steps) else []
            starts = [r for r in runs if steps[r] >= 0]
            assert len(np.unique(shown)) == num_events == len(starts)
            shares[name].append(np.flatnonzero(steps == 0).mean() / len(steps))
    # Asynchronous: the same event is at different shares of the time.
    assert np.abs(np.subtract(shares["text"], shares["audio"])).mean() > 0.02


def test_events_are_alike_across_samples_and_unlike_the_background():
    batches = load("simulated", num_samples=64, noise=0.0, **SMALL)
    steps = samples(batches, "vision")
    events = [batches.alignment(i)["vision"] for i in range(64)]
    inside = np.concatenate([x[e >= 0] for x, e in zip(steps, events, strict=True)])
    outside = np.concatenate([x[e < 0] for x, e in zip(steps, events, strict=True)])
    assert inside.std() > 1.2 * outside.std()


def test_missing_frames():
    events = load("simulated", num_samples=200, **SMALL)
    batches = load("simulated", num_samples=200, missing_frames={"audio": 0.5}, **SMALL)
    np.testing.assert_array_equal(batches.labels, events.labels)
    share = {
        n: np.mean([(x == 0).all(1).mean() for x in samples(batches, n)])
        for n in batches.modalities
    }
    assert share["text"] == share["vision"] == 0 and 0.4 < share["audio"] < 0.5
    for i, x in enumerate(samples(batches, "audio")):
        seen = batches.alignment(i)["audio"]
        assert len(seen) == len(x) and (seen[~x.any(axis=1)] == -1).all()
    everything = load("simulated", num_samples=20, missing_frames=1.0, **SMALL)
    assert all(len(x) == 1 for n in everything.modalities for x in samples(everything, n))


def test_missing_modalities():
    batches = load("simulated", num_samples=400, missing_modalities={"audio": 0.3}, **SMALL)
    absent = [len(x) == 0 for x in samples(batches, "audio")]
    assert 0.2 < np.mean(absent) < 0.4
    assert len(batches.alignment(np.argmax(absent))["audio"]) == 0
    assert not any(len(x) == 0 for x in samples(batches, "text"))
    all_missing = load("simulated", num_samples=100, missing_modalities=1.0, **SMALL)
    present = [[len(x) > 0 for x in samples(all_missing, n)] for n in all_missing.modalities]
    assert (np.sum(present, axis=0) == 1).all()


def test_knobs_change_only_what_they_are_for():
    base = load("simulated", num_samples=64, **SMALL)
    flipped = load("simulated", num_samples=64, incongruity=1.0, **SMALL)
    np.testing.assert_array_equal(base.labels, flipped.labels)
    changed = [
        [
            not np.array_equal(a, b)
            for a, b in zip(samples(base, n), samples(flipped, n), strict=True)
        ]
        for n in base.modalities
    ]
    assert (np.sum(changed, axis=0) == 1).all() and np.any(changed, axis=1).all()
    noisy = load("simulated", num_samples=64, noise={"text": 2.0}, **SMALL)
    np.testing.assert_array_equal(base.labels, noisy.labels)


def test_a_modality_without_strength_shows_nothing():
    options = {"num_samples": 256, "noise": 0.0, **SMALL}
    batches = load("simulated", imbalance={"audio": 0.0}, **options)
    for name, alike in (("audio", True), ("text", False)):
        steps = samples(batches, name)
        shown = [batches.alignment(i)[name] >= 0 for i in range(256)]
        inside = np.concatenate([x[e] for x, e in zip(steps, shown, strict=True)])
        outside = np.concatenate([x[~e] for x, e in zip(steps, shown, strict=True)])
        assert (abs(inside.std() / outside.std() - 1) < 0.05) == alike
    half = load("simulated", imbalance=0.5, **options)
    named = load("simulated", imbalance={"audio": 0.5, "vision": 0.5}, **options)
    for name in half.modalities:
        pairs = zip(samples(half, name), samples(named, name), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


def correlation_of_ridge(x_train, y_train, x_test, y_test):
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0) + 1e-6
    x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation
    penalty = 0.1 * len(x_train) * np.eye(x_train.shape[1])
    weights = np.linalg.solve(x_train.T @ x_train + penalty, x_train.T @ y_train)
    return np.corrcoef(x_test @ weights, y_test)[0, 1]


def test_matching_events_across_modalities_is_worth_it():
    """One modality < all, averaged over time < products of averages < products of events."""
    scores = {}
    batches = {
        split: load("simulated", split, num_samples=n, like="mosi", **SMALL)
        for split, n in (("train", 1500), ("test", 400))
    }
    features = {}
    for split, data in batches.items():
        steps = {name: samples(data, name) for name in data.modalities}
        alone = {n: np.array([s.mean(axis=0) for s in x]) for n, x in steps.items()}
        features[split] = {**alone, "all": np.hstack(list(alone.values()))}
        # The 14 first features of text stand for it, to keep the products few.
        events = [
            [
                np.array([steps[n][i][at == k, :14].mean(axis=0) for k in range(at.max() + 1)])
                for n, at in data.alignment(i).items()
            ]
            for i in range(data.num_samples)
        ]
        pairs = ((0, 1), (0, 2), (1, 2))
        features[split]["blind"] = np.array(
            [
                np.concatenate(
                    [np.outer(e[a].mean(axis=0), e[b].mean(axis=0)).ravel() for a, b in pairs]
                )
                for e in events
            ]
        )
        features[split]["matched"] = np.array(
            [
                np.concatenate([(e[a].T @ e[b] / len(e[a])).ravel() for a, b in pairs])
                for e in events
            ]
        )
    labels = {split: data.labels[:, 0] for split, data in batches.items()}
    for kind in features["train"]:
        scores[kind] = correlation_of_ridge(
            features["train"][kind], labels["train"], features["test"][kind], labels["test"]
        )
    alone = max(scores["text"], scores["audio"], scores["vision"])
    assert min(scores.values()) > 0.1
    assert alone < scores["all"] - 0.05 < 0.65
    assert scores["matched"] > scores["blind"] + 0.1 and scores["matched"] > scores["all"] + 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"like": "mosie"}, "like to be one of 'mosi'"),
        ({"num_samples": 0}, "num_samples to be an integer from 1"),
        ({"data_seed": -1}, "data_seed to be an integer from 0"),
        (
            {"world": "codes", "typical_lengths": {"video": 3}},
            "typical_lengths .* keys among 'text'",
        ),
        (
            {"world": "codes", "typical_lengths": {"text": 51}},
            r"typical_lengths\['text'\].*between 1 and 50",
        ),
        ({"world": {}}, "world to be one of 'clock', 'codes'. Received: {}"),
        ({"world": "events"}, "world to be one of 'clock', 'codes'. Received: 'events'"),
        (
            {"typical_lengths": {"text": 5}},
            "options of world='clock': duration.*typical_lengths belongs to world='codes'",
        ),
        ({"world": "codes", "lag": 0.1}, "lag belongs to world='clock'"),
        ({"duration": 10.0}, "at most 50 steps of text.*duration=10 and 4 steps a second"),
        ({"duration": 0.1}, "duration to be a number between"),
        ({"rates": {"face": 3}}, "rates .* keys among 'text'"),
        ({"rates": {"text": 0}}, r"rates\['text'\]"),
        ({"lag": -1}, "lag to be a number between 0"),
        ({"num_events": 3}, "num_events to be two numbers"),
        ({"num_events": (3, 2)}, r"num_events\[1\] to be an integer from 3"),
        ({"identity_dim": 0}, "identity_dim to be an integer from 1"),
        ({"noise": -1}, "noise of 'text'"),
        ({"noise": np.nan}, "noise of 'text'"),
        ({"imbalance": 2}, "imbalance to be a number between 0 and 1"),
        ({"imbalance": {"text": 0, "audio": 0, "vision": 0}}, "positive strength"),
        ({"incongruity": 1.5}, "incongruity"),
        ({"missing_frames": "many"}, "missing_frames of 'text'.*Received: 'many'"),
        ({"missing_modalities": {"text": 2}}, "missing_modalities of 'text'"),
    ],
)
def test_options_outside_their_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        load("simulated", **options)


ODD = [{}, [], [1], {"a": 1}, "abc", "", -1, 1.5, float("nan"), float("inf"), True, 10**20]
ODD += [{"text": "x"}, {"text": 1}, ["text"], (1, 2), b"x"]


@pytest.mark.parametrize("argument", arguments("simulated"))
def test_whatever_an_argument_is_it_works_or_is_refused_in_a_sentence(argument):
    refused = 0
    for value in ODD:
        options = {"num_samples": 4, argument: value}
        try:
            load("simulated", "train", 8, **options)
        except ValueError as error:
            assert str(error).startswith("expected "), (value, str(error))
            refused += 1
    assert refused >= 5
