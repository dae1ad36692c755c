"""Where the definitions of the metrics bite."""

import math

import numpy as np
import pytest
from keras import ops
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score

from kerasfuse.metrics import (
    ClassAccuracy,
    MeanAbsoluteError,
    PearsonCorrelation,
    WeightedF1,
    binary,
    evaluate,
    multiclass,
    sentiment,
)
from kerasfuse.metrics.label_scheme import LABEL_SCHEMES


def score(metric, y, p, w=None):
    return evaluate([metric], np.float32(y), np.float32(p), w)[metric.name]


def classes(scheme, values):
    one_hot, _ = LABEL_SCHEMES[scheme].true_classes(np.float32(values))
    return np.argmax(ops.convert_to_numpy(one_hot), axis=-1).tolist()


def test_halves_round_to_even():
    halves = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
    assert classes("mosi_7", halves) == [0, 1, 1, 3, 3, 5, 5, 6]
    assert classes("mosi_5", halves) == [0, 0, 0, 2, 2, 4, 4, 4]
    assert classes("mosi_3", halves) == [0, 0, 0, 1, 1, 2, 2, 2]
    # floor(x + 0.5) would put 0.5 in class 1 and 2.5 in class 3.
    assert score(ClassAccuracy("mosi_7"), [0.0, 2.0, 2.0], [0.5, 2.5, 1.5]) == 1.0


def test_zero_is_non_negative_for_has0_and_negative_for_non0():
    assert classes("mosi_has0", [-0.1, -0.0, 0.0, 0.1]) == [0, 1, 1, 1]
    assert score(ClassAccuracy("mosi_has0"), [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]) == pytest.approx(
        2 / 3
    )
    # The neutral sample does not count; a score of 0 says negative.
    assert score(ClassAccuracy("mosi_non0"), [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]) == 0.5


def test_sims_bins_are_right_closed_in_float32():
    edges = [-1.0, -0.7, -0.1, 0.0, 0.1, 0.7, 1.0]
    above = np.nextafter(np.float32(edges), np.float32(2))
    above[3] = 1e-30  # the next one after 0 is denormal, which some devices take for 0
    assert classes("sims_2", edges) == [0, 0, 0, 0, 1, 1, 1]
    assert classes("sims_3", edges) == [0, 0, 0, 1, 1, 2, 2]
    # float32 0.1 and -0.7 lie above and 0.7 lies below the float64 number of that name.
    assert classes("sims_5", edges) == [0, 0, 1, 2, 2, 3, 4]
    assert classes("sims_5", above) == [0, 1, 2, 2, 3, 4, 4]
    assert classes("sims_2", above) == [0, 0, 0, 1, 1, 1, 1]


def test_sims_clips_before_mae_and_correlation_and_mosi_does_not():
    y, p = [-1.0, 0.4, 1.0], [-3.0, 0.5, 5.0]
    assert score(MeanAbsoluteError(clip=1.0), y, p) == pytest.approx(0.1 / 3, rel=1e-5)
    assert score(MeanAbsoluteError(), y, p) == pytest.approx(6.1 / 3, rel=1e-6)
    clipped = pearsonr(y, np.clip(p, -1, 1)).statistic
    assert score(PearsonCorrelation(clip=1.0), y, p) == pytest.approx(clipped, rel=1e-6)


def test_swapped_f1_weighs_by_predicted_classes():
    y, p = [-1, -1, -1, 1], [-1, 1, 1, -1]
    negative, positive = 2 * 1 / (3 + 2), 0.0
    truth, legacy = (3 * negative + positive) / 4, (2 * negative + 2 * positive) / 4
    for scheme in ("mosi_has0", "mosi_non0", "sims_2"):
        assert score(WeightedF1(scheme), y, p) == pytest.approx(truth)
        assert score(WeightedF1(scheme, "prediction"), y, p) == pytest.approx(legacy)


def test_an_absent_class_has_f1_zero_and_no_weight():
    assert score(WeightedF1("mosi_7"), [1, 1, 2], [1, 1, 2]) == 1.0
    assert score(WeightedF1("mosi_has0"), [1, 2, 3], [1, 2, -3]) == pytest.approx(0.8)
    assert score(WeightedF1("mosi_has0"), [1, 2, 3], [-1, -2, -3]) == 0.0


@pytest.mark.parametrize("constant", [0.1, -2.3456, 1e6, 0.0])
@pytest.mark.parametrize("side", ["score", "label"])
def test_correlation_of_a_constant_is_zero_or_nan_over_any_batches(constant, side):
    rng = np.random.default_rng(0)
    varied, same = rng.normal(size=(80, 1)).astype("float32"), np.full((80, 1), constant, "f4")
    y, p = (varied, same) if side == "score" else (same, varied)
    for undefined, check in (("zero", lambda r: r == 0.0), ("nan", math.isnan)):
        metric = PearsonCorrelation(undefined=undefined)
        assert check(score(metric, y, p))
        for first in range(0, 80, 32):
            metric.update_state(y[first : first + 32], p[first : first + 32])
        assert check(float(metric.result()))


def test_correlation_of_one_sample_or_none_is_undefined():
    assert score(PearsonCorrelation(), [1.0], [2.0]) == 0.0
    assert math.isnan(float(PearsonCorrelation(undefined="nan").result()))
    assert score(PearsonCorrelation(), [1.0, 2.0, 3.0], [1.0, 5.0, 4.0], [0, 0, 1]) == 0.0


def test_correlation_survives_large_means_and_outlying_first_samples():
    rng = np.random.default_rng(1)
    y = rng.normal(size=400)
    p = (1e4 + 0.5 * y + rng.normal(size=400)).astype("float32")
    y = y.astype("float32")
    expected = pearsonr(y.astype("float64"), p.astype("float64")).statistic
    metric = PearsonCorrelation()
    for first in range(0, 400, 32):
        metric.update_state(y[first : first + 32], p[first : first + 32])
    assert float(metric.result()) == pytest.approx(expected, abs=2e-6)
    p[0] = 0.0
    expected = pearsonr(y.astype("float64"), p.astype("float64")).statistic
    assert score(PearsonCorrelation(), y, p) == pytest.approx(expected, abs=2e-6)


def test_a_first_batch_without_weight_starts_nothing():
    metric = PearsonCorrelation()
    metric.update_state([5.0, 6.0], [math.nan, 7.0], sample_weight=[0.0, 0.0])
    y, p = [1.0, 2.0, 4.0], [1.0, 3.0, 2.0]
    metric.update_state(y, p)
    assert float(metric.result()) == pytest.approx(pearsonr(y, p).statistic, rel=1e-6)


def test_a_reset_forgets_everything():
    for metric in sentiment("mosi"):
        metric.update_state([1.0, -2.0, 3.0], [2.0, 1.0, -5.0])
        metric.reset_state()
        assert float(metric.result()) == 0.0, metric.name
        metric.update_state([1.0, -2.0, 3.0], [1.0, -2.0, 3.0])
        right = 0.0 if metric.name == "mae" else 1.0
        assert float(metric.result()) == pytest.approx(right, abs=1e-6), metric.name


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_scored(broken):
    y, p = [-1.0, 1.0, -2.0, 2.0], [broken, 1.0, -2.0, 2.0]
    for name, value in evaluate(sentiment("mosi"), y, p).items():
        assert not math.isfinite(value), name
    assert math.isnan(evaluate(binary(), [0, 1], [broken, 1.0])["accuracy"])


def test_seven_logits_are_read_as_expected_value_or_most_likely_class():
    probabilities = np.array([[0.05, 0.05, 0.1, 0.4, 0.3, 0.05, 0.05]])
    logits = np.log(probabilities).astype("float32") + 3.0
    expected = float((probabilities * np.arange(-3, 4)).sum())  # 0.2
    assert score(MeanAbsoluteError(), [[1.0]], logits) == pytest.approx(1 - expected, rel=1e-5)
    assert score(MeanAbsoluteError(seven_logits="argmax"), [[1.0]], logits) == 1.0
    assert score(ClassAccuracy("mosi_non0"), [[1.0]], logits) == 1.0
    assert score(ClassAccuracy("mosi_non0", seven_logits="argmax"), [[1.0]], logits) == 0.0


def test_seven_samples_of_one_score_are_not_seven_logits():
    y = np.arange(-3.0, 4.0)
    assert score(ClassAccuracy("mosi_7"), y, y) == 1.0
    assert score(ClassAccuracy("mosi_7"), y[:, None], y[:, None]) == 1.0


@pytest.mark.parametrize(
    "metric, y_shape, p_shape, words",
    [
        (ClassAccuracy("mosi_7"), (3, 1), (3, 2), r"\(batch, 7\).*Received: y_pred"),
        (ClassAccuracy("mosi_7"), (3, 2), (3, 1), "Received: y_true"),
        (ClassAccuracy("sims_3"), (3, 1), (3, 7), "Received: y_pred"),
        (ClassAccuracy("logit"), (3, 1), (3, 2), "Received: y_pred"),
        (ClassAccuracy("iemocap_sad"), (3, 4), (3, 4), "eight logits.*Received: y_pred"),
        (ClassAccuracy("iemocap_sad"), (3, 8), (3, 8), "one-hot pairs.*Received: y_true"),
        (MeanAbsoluteError(), (3, 1), (3, 3), "Received: y_pred"),
        (PearsonCorrelation(), (3, 3), (3, 1), "Received: y_true"),
    ],
)
def test_shapes_that_cannot_be_read_are_refused(metric, y_shape, p_shape, words):
    with pytest.raises(ValueError, match=words):
        metric.update_state(np.zeros(y_shape, "float32"), np.zeros(p_shape, "float32"))


def test_evaluate_refuses_what_it_cannot_score():
    with pytest.raises(ValueError, match="same number of samples"):
        evaluate(binary(), [0, 1], [[1.0]])
    with pytest.raises(ValueError, match="at least one"):
        evaluate(binary(), [], [])
    with pytest.raises(ValueError, match="finite labels.*1 that are"):
        evaluate(binary(), [0, math.nan], [[1.0], [1.0]])


def test_evaluate_leaves_metrics_as_new():
    suite = sentiment("mosi")
    y, p = np.float32([1, -1, 2]), np.float32([2, -1, 1])
    first = evaluate(suite, y, p)
    assert evaluate(suite, y, p) == first
    assert all(float(metric.result()) == 0 for metric in suite)


def test_several_classes_against_scikit_learn():
    generator = np.random.default_rng(3)
    truth, logits = generator.integers(0, 4, 50), generator.normal(size=(50, 5)).astype("float32")
    guess = logits.argmax(1)
    accuracy, f1, *_ = multiclass(5)
    for rows in (slice(0, 20), slice(20, 50)):
        accuracy.update_state(truth[rows, None], logits[rows])
        f1.update_state(truth[rows], logits[rows])
    assert float(accuracy.result()) == pytest.approx(accuracy_score(truth, guess))
    wanted = f1_score(truth, guess, average="weighted")
    assert float(f1.result()) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_logit_that_is_not_finite_gives_no_score(broken):
    for metric in multiclass(3):
        metric.update_state([1, 2], [[0.0, broken, 1.0], [0.0, 1.0, 2.0]])
        assert math.isnan(float(metric.result()))


def test_logits_of_another_number_of_classes_are_told():
    accuracy, *_ = multiclass(3)
    with pytest.raises(ValueError, match=r"\(batch, 3\). Received: y_pred.shape=\(2, 4\)"):
        accuracy.update_state([0, 1], np.zeros((2, 4)))
    with pytest.raises(ValueError, match="classes_0"):
        multiclass(0)


@pytest.mark.parametrize("metric", [ClassAccuracy, WeightedF1])
def test_the_former_name_of_the_label_scheme_is_read(metric):
    config = metric("mosi_7").get_config()
    config["reading"] = config.pop("label_scheme")
    with pytest.warns(DeprecationWarning, match="'reading' is called 'label_scheme' now"):
        found = metric.from_config(config)
    assert found.label_scheme == "mosi_7"
