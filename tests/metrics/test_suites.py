"""The suites against scikit-learn, SciPy and NumPy in float64, and in fit and evaluate."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score

from kerasfuse import losses, metrics


def mosi_oracle(y, p, weights_from="truth", w=None):
    y, p = np.asarray(y, "float64").ravel(), np.asarray(p, "float64").ravel()
    w = np.ones_like(y) if w is None else w
    rounded = {
        k: (np.round(np.clip(y, -c, c)).astype(int), np.round(np.clip(p, -c, c)).astype(int))
        for k, c in (("acc7", 3), ("acc5", 2), ("acc3", 1))
    }
    expected = {k: accuracy_score(*classes, sample_weight=w) for k, classes in rounded.items()}
    polar = y != 0
    for name, true, predicted, counted in (
        ("has0", y >= 0, p >= 0, np.ones_like(polar)),
        ("non0", y > 0, p > 0, polar),
    ):
        true, predicted, weight = true[counted], predicted[counted], w[counted]
        expected[f"acc2_{name}"] = accuracy_score(true, predicted, sample_weight=weight)
        expected[f"f1_{name}"] = weighted_f1(true, predicted, weights_from, weight)
    expected["mae"] = np.average(np.abs(p - y), weights=w)
    expected["corr"] = weighted_pearson(y, p, w)
    return expected


def sims_oracle(y, p, weights_from="truth", w=None):
    y, p = (np.clip(np.asarray(x, "float64").ravel(), -1, 1) for x in (y, p))
    w = np.ones_like(y) if w is None else w
    edges = {
        "acc5": [-1.01, -0.7, -0.1, 0.1, 0.7, 1.01],
        "acc3": [-1.01, -0.1, 0.1, 1.01],
        "acc2": [-1.01, 0, 1.01],
    }

    def bins(values, name):  # right-closed: edges[i] < value <= edges[i + 1]
        return np.digitize(values, edges[name], right=True) - 1

    expected = {k: accuracy_score(bins(y, k), bins(p, k), sample_weight=w) for k in edges}
    expected["f1"] = weighted_f1(bins(y, "acc2"), bins(p, "acc2"), weights_from, w)
    expected["mae"] = np.average(np.abs(p - y), weights=w)
    expected["corr"] = weighted_pearson(y, p, w)
    return expected


def weighted_f1(true, predicted, weights_from, w):
    swapped = (predicted, true) if weights_from == "prediction" else (true, predicted)
    return f1_score(*swapped, average="weighted", sample_weight=w, zero_division=0)


def weighted_pearson(y, p, w):
    if np.all(w == 1):
        return pearsonr(y, p).statistic
    covariance = np.cov(y, p, aweights=w)
    return covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])


def regression(dataset, size=80):
    """Labels on their data set's grid, and scores that are exact in float32.

    Few different sizes: on jax, each one compiles every operation again.
    """
    rng = np.random.default_rng(1)
    if dataset == "sims":
        y = rng.integers(-5, 6, size) / 5.0
        p = y + rng.normal(0, 0.5, size)
    else:
        y = rng.choice(np.concatenate([np.arange(-9, 10) / 3.0, np.arange(-6, 7) / 2.0]), size)
        p = y + rng.normal(0, 1, size)
        p[:30] = rng.integers(-8, 9, 30) / 2.0  # halves, zeros, and beyond the range
    return y.astype("float32")[:, None], p.astype("float32")[:, None]


ORACLES = {"mosi": mosi_oracle, "sims": sims_oracle}


def in_batches(suite, size, *arrays):
    for metric in suite:
        metric.reset_state()
        for first in range(0, len(arrays[0]), size):
            metric.update_state(*(x[first : first + size] for x in arrays))
    return {metric.name: float(metric.result()) for metric in suite}


@pytest.mark.parametrize("weights_from", ["truth", "prediction"])
@pytest.mark.parametrize("dataset", list(ORACLES))
def test_sentiment_agrees_with_scikit_learn(dataset, weights_from):
    y, p = regression(dataset)
    found = metrics.evaluate(metrics.sentiment(dataset, weights_from), y, p)
    expected = ORACLES[dataset](y, p, weights_from)
    assert list(found) == [m.name for m in metrics.sentiment(dataset)]
    assert found == pytest.approx(expected, rel=3e-6)


@pytest.mark.parametrize("dataset", list(ORACLES))
def test_sample_weights_count_samples(dataset):
    y, p = regression(dataset)
    w = np.random.default_rng(2).choice([0.0, 0.5, 1.0, 3.0], len(y))
    p[w == 0] = np.nan  # what is left out cannot harm
    found = in_batches(metrics.sentiment(dataset), 32, y, p, w.astype("float32"))
    kept = w > 0
    assert found == pytest.approx(ORACLES[dataset](y[kept], p[kept], w=w[kept]), rel=1e-5)
    column = metrics.evaluate(metrics.sentiment(dataset), y, p, w[:, None])
    assert column == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize("size", [1, 32])
@pytest.mark.parametrize("dataset", list(ORACLES))
def test_sentiment_does_not_depend_on_the_batches(dataset, size):
    y, p = regression(dataset)
    whole = metrics.evaluate(metrics.sentiment(dataset), y, p)
    assert in_batches(metrics.sentiment(dataset), size, y, p) == pytest.approx(whole, rel=2e-6)


def test_mosei_has_the_metrics_of_mosi():
    pairs = zip(metrics.sentiment("mosei"), metrics.sentiment("mosi"), strict=True)
    assert all(mosei.get_config() == mosi.get_config() for mosei, mosi in pairs)


def test_label_shapes_are_alike():
    y, p = regression("mosi")
    whole = metrics.evaluate(metrics.sentiment(), y, p)
    assert metrics.evaluate(metrics.sentiment(), y[:, 0], p) == whole
    assert metrics.evaluate(metrics.sentiment(), y[:, :, None], p) == whole  # MulT's files
    assert metrics.evaluate(metrics.sentiment(), y, p[:, 0]) == whole


# Test positives of 938 samples, and what never saying yes scores on them.
NEVER = {
    "neutral": (383, 59.17, 43.99),
    "happy": (135, 85.61, 78.97),
    "sad": (193, 79.42, 70.32),
    "angry": (227, 75.80, 65.37),
}


def test_never_on_iemocap_gives_the_known_figures():
    classes = np.zeros((938, 4), int)
    for index, (positives, _, _) in enumerate(NEVER.values()):
        classes[:positives, index] = 1
    never = np.tile([2.0, -1.0], (938, 4)).astype("float32")
    found = metrics.evaluate(metrics.emotion("iemocap"), classes, never)
    for name, (_, accuracy, f1) in NEVER.items():
        assert 100 * found[f"{name}_acc"] == pytest.approx(accuracy, abs=0.005)
        assert 100 * found[f"{name}_f1"] == pytest.approx(f1, abs=0.005)
    pairs = np.eye(2)[classes]
    assert metrics.evaluate(metrics.emotion(), pairs, never.reshape(-1, 4, 2)) == found


def test_emotion_agrees_with_scikit_learn():
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 2, (80, 4))
    logits = rng.normal(size=(80, 8)).astype("float32")
    found = in_batches(metrics.emotion(), 32, classes.astype("float32"), logits)
    predicted = logits.reshape(-1, 4, 2).argmax(axis=-1)
    for index, name in enumerate(NEVER):
        true, guess = classes[:, index], predicted[:, index]
        assert found[f"{name}_acc"] == pytest.approx(accuracy_score(true, guess), rel=1e-6)
        f1 = f1_score(true, guess, average="weighted")
        assert found[f"{name}_f1"] == pytest.approx(f1, rel=1e-6)


def test_binary_agrees_with_scikit_learn():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, (80, 1)).astype("float32")
    logits = (y - 0.3 + rng.normal(size=y.shape)).astype("float32")
    logits[0] = 0.0  # class 0
    found = in_batches(metrics.binary(), 32, y, logits)
    guess = logits[:, 0] > 0
    expected = {
        "accuracy": accuracy_score(y[:, 0], guess),
        "f1": f1_score(y[:, 0], guess, average="weighted"),
    }
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "suite, outputs, labels",
    [
        (metrics.sentiment("mosi"), 1, lambda rng: rng.integers(-6, 7, (80, 1)) / 2.0),
        (metrics.sentiment("mosi"), 7, lambda rng: rng.integers(-6, 7, (80, 1)) / 2.0),
        (metrics.sentiment("sims"), 1, lambda rng: rng.integers(-5, 6, (80, 1)) / 5.0),
        (metrics.emotion("iemocap"), 8, lambda rng: np.eye(2)[rng.integers(0, 2, (80, 4))]),
        (metrics.binary(), 1, lambda rng: rng.integers(0, 2, (80, 1))),
    ],
    ids=["mosi", "mosi, 7 logits", "sims", "iemocap", "binary"],
)
def test_fit_and_evaluate_score_the_whole_data_set(suite, outputs, labels):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(80, 3)).astype("float32"), labels(rng).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])
    loss = {1: "mae", 7: losses.SentimentCrossEntropy(), 8: losses.EmotionCrossEntropy()}[outputs]
    model.compile("sgd", loss, metrics=suite)
    history = model.fit(x, y, batch_size=32, validation_data=(x, y), verbose=0).history
    found = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    expected = metrics.evaluate(suite, y, model.predict(x, batch_size=32, verbose=0))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-5), name
        assert history[f"val_{name}"][-1] == pytest.approx(value, abs=1e-5), name
        assert np.isfinite(history[name]).all(), name


def test_low_precision_outputs_are_scored_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    y, p = regression("mosi")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(loss="mae", metrics=metrics.sentiment("mosi"))
    found = model.evaluate(p, y, batch_size=32, verbose=0, return_dict=True)
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(p, "bfloat16"), "float32"))
    expected = mosi_oracle(y, rounded)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_evaluate_weighs_samples_in_keras_too():
    y, p = regression("mosi")
    w = np.random.default_rng(6).integers(0, 2, 80).astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(loss="mae", weighted_metrics=metrics.sentiment("mosi"))
    found = model.evaluate(p, y, sample_weight=w, batch_size=32, verbose=0, return_dict=True)
    expected = mosi_oracle(y[w > 0], p[w > 0])
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "metric",
    [
        metrics.ClassAccuracy("mosi_5", seven_logits="argmax", name="a"),
        metrics.WeightedF1("mosi_non0", weights_from="prediction", name="b"),
        metrics.MeanAbsoluteError(clip=1.0, name="c"),
        metrics.PearsonCorrelation(clip=1.0, undefined="nan"),
        *metrics.sentiment("sims"),
        *metrics.emotion(),
        *metrics.binary(),
    ],
    ids=lambda metric: metric.name,
)
def test_config_round_trip(metric):
    config = keras.saving.serialize_keras_object(metric)
    assert config["registered_name"] == f"kerasfuse>{type(metric).__name__}"
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(metric)
    assert copy.get_config() == metric.get_config()


def test_a_compiled_model_comes_back_with_its_metrics(tmp_path):
    y, p = regression("mosi")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mae", metrics=metrics.sentiment("mosi", weights_from="prediction"))
    before = model.evaluate(p, y, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.evaluate(p, y, verbose=0, return_dict=True) == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: metrics.sentiment("mosie"), "mosei.*Received: dataset='mosie'"),
        (lambda: metrics.emotion("meld"), "iemocap. Received: dataset='meld'"),
        (lambda: metrics.ClassAccuracy("mosi_no0"), "Nearest: mosi_non0"),
        (lambda: metrics.WeightedF1("logit", weights_from="labels"), "truth, prediction"),
        (lambda: metrics.sentiment("mosi", seven_logits="mode"), "expected, argmax"),
        (lambda: metrics.PearsonCorrelation(undefined="one"), "zero, nan"),
    ],
)
def test_unknown_names_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
