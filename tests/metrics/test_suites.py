"""The suites against scikit-learn, SciPy and NumPy in float64, and in fit and evaluate."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from kerasfuse import losses, metrics
from kerasfuse.datasets.formats import csd
from kerasfuse.metrics.label_scheme import MOSEI_EMOTIONS


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


MOSEI = ("happy", "sad", "anger", "surprise", "disgust", "fear")


def weighted_accuracy(true, guess):
    """As Tong et al., ACL 2017, define it."""
    positive, negative = np.sum(true == 1), np.sum(true == 0)
    recognised = np.sum((true == 1) & (guess == 1)), np.sum((true == 0) & (guess == 0))
    return (recognised[0] * negative / positive + recognised[1]) / (2 * negative)


def mosei_emotions(size=80):
    rng = np.random.default_rng(7)
    labels = (rng.uniform(size=(size, 6)) < [0.5, 0.3, 0.2, 0.1, 0.2, 0.1]).astype("float32")
    logits = (labels - 0.4 + rng.normal(size=labels.shape)).astype("float32")
    logits[0] = 0.0  # absent
    return labels, logits


def test_emotions_of_mosei_agree_with_scikit_learn():
    labels, logits = mosei_emotions()
    found = in_batches(metrics.emotion("mosei"), 32, labels, logits)
    expected = {}
    for true, guess, name in zip(labels.T, (logits > 0).T, MOSEI, strict=True):
        expected[f"{name}_acc"] = accuracy_score(true, guess)
        expected[f"{name}_wacc"] = weighted_accuracy(true, guess)
        expected[f"{name}_f1"] = f1_score(true, guess, average="weighted")
    for kind in ("acc", "wacc", "f1"):
        expected[f"mean_{kind}"] = np.mean([expected[f"{name}_{kind}"] for name in MOSEI])
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-6)
    assert metrics.evaluate(metrics.emotion("mosei"), labels, logits) == pytest.approx(found)


def test_weighted_samples_of_emotions_count_as_often():
    labels, logits = mosei_emotions()
    weights = np.random.default_rng(8).integers(0, 3, len(labels))
    logits[weights == 0] = np.nan  # what is left out cannot harm
    suite = metrics.emotion("mosei")
    found = metrics.evaluate(suite, labels, logits, weights.astype("float32"))
    repeated = (np.repeat(x, weights, axis=0) for x in (labels, logits))
    assert found == pytest.approx(metrics.evaluate(suite, *repeated), rel=1e-6)


@pytest.mark.parametrize("value", [0, 1])
def test_an_emotion_that_all_or_none_have(value):
    labels, logits = mosei_emotions()
    labels[:, 3] = value
    right = np.mean((logits[:, 3] > 0) == value)
    found = metrics.evaluate(metrics.emotion("mosei"), labels, logits)
    # The rate of the class that occurs, and F1 of it alone: of 2 r / (n + r), n the samples.
    assert found["surprise_acc"] == pytest.approx(right)
    assert found["surprise_wacc"] == pytest.approx(right)
    assert found["surprise_f1"] == pytest.approx(2 * right / (1 + right))
    guess = (logits[:, 3] > 0).astype(int)
    f1 = f1_score(labels[:, 3], guess, average="weighted", zero_division=0)
    assert found["surprise_f1"] == pytest.approx(f1)
    # Never said and never true: nothing is wrong.
    logits[:, 3] = 2 * value - 1
    found = metrics.evaluate(metrics.emotion("mosei"), labels, logits)
    assert [found[f"surprise_{kind}"] for kind in ("acc", "wacc", "f1")] == [1, 1, 1]


def test_outputs_that_are_no_number_have_no_score_for_their_emotion_alone():
    labels, logits = mosei_emotions()
    whole = metrics.evaluate(metrics.emotion("mosei"), labels, logits)
    logits[:, 1] = np.nan
    found = metrics.evaluate(metrics.emotion("mosei"), labels, logits)
    assert all(np.isnan(found[f"sad_{kind}"]) for kind in ("acc", "wacc", "f1"))
    assert found["fear_f1"] == whole["fear_f1"]


def test_a_constant_has_a_weighted_accuracy_of_a_half():
    labels, logits = mosei_emotions()
    for value in (-1.0, 1.0):
        found = metrics.evaluate(metrics.emotion("mosei"), labels, np.full_like(logits, value))
        assert [found[f"{name}_wacc"] for name in (*MOSEI, "mean")] == [0.5] * 7


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 5), (5, 6, 1), (5, 8)])
def test_emotions_of_another_shape_are_refused(shape):
    six = np.zeros((5, 6), "float32")
    other = np.zeros(shape, "float32")
    for argument, arrays in (("y_true", (other, six)), ("y_pred", (six, other))):
        with pytest.raises(ValueError, match=f"`{argument}` expected .* happy, sad, .*Received"):
            metrics.evaluate(metrics.emotion("mosei"), *arrays)


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        metrics.MeanOfMetrics([])


def test_the_names_of_emotions_are_those_of_the_data():
    assert MOSEI_EMOTIONS == csd.EMOTIONS == MOSEI


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
        "macro_f1": f1_score(y[:, 0], guess, average="macro"),
        "balanced_accuracy": balanced_accuracy_score(y[:, 0], guess),
    }
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "suite, outputs, labels",
    [
        (metrics.sentiment("mosi"), 1, lambda rng: rng.integers(-6, 7, (80, 1)) / 2.0),
        (metrics.sentiment("mosi"), 7, lambda rng: rng.integers(-6, 7, (80, 1)) / 2.0),
        (metrics.sentiment("sims"), 1, lambda rng: rng.integers(-5, 6, (80, 1)) / 5.0),
        (metrics.emotion("iemocap"), 8, lambda rng: np.eye(2)[rng.integers(0, 2, (80, 4))]),
        (metrics.emotion("mosei"), 6, lambda rng: rng.integers(0, 2, (80, 6))),
        (metrics.binary(), 1, lambda rng: rng.integers(0, 2, (80, 1))),
    ],
    ids=["mosi", "mosi, 7 logits", "sims", "iemocap", "emotions of mosei", "binary"],
)
def test_fit_and_evaluate_score_the_whole_data_set(suite, outputs, labels):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(80, 3)).astype("float32"), labels(rng).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])
    loss = {
        1: "mae",
        6: keras.losses.BinaryCrossentropy(from_logits=True),
        7: losses.SentimentCrossEntropy(),
        8: losses.EmotionCrossEntropy(),
    }[outputs]
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
        *metrics.emotion("mosei"),
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
        (lambda: metrics.emotion("meld"), "iemocap, mosei. Received: dataset='meld'"),
        (lambda: metrics.ClassAccuracy("mosi_no0"), "Nearest: mosi_non0"),
        (lambda: metrics.WeightedF1("logit", weights_from="labels"), "truth, prediction"),
        (lambda: metrics.sentiment("mosi", seven_logits="mode"), "expected, argmax"),
        (lambda: metrics.PearsonCorrelation(undefined="one"), "zero, nan"),
    ],
)
def test_unknown_names_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
