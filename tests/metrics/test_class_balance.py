"""Metrics that give each class the same weight: as in scikit-learn, and where one is absent."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from kerasfuse.metrics import BalancedAccuracy, MacroF1, confusion_matrix, evaluate

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(60, 4)).astype("float32")


def score(metric, y, p, w=None):
    return evaluate([metric], np.float32(y), np.float32(p), w)[metric.name]


@pytest.mark.parametrize("present", [(0, 1, 2, 3), (0, 2), (1,)])
@pytest.mark.parametrize("weighted", [False, True])
def test_as_in_scikit_learn(present, weighted):
    y = RNG.choice(present, 60)
    w = RNG.uniform(0.5, 2.0, 60).astype("float32") if weighted else None
    predicted = LOGITS.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that are predicted and absent
        f1 = reference.f1_score(y, predicted, average="macro", sample_weight=w)
        recall = reference.balanced_accuracy_score(y, predicted, sample_weight=w)
    counts = reference.confusion_matrix(y, predicted, labels=range(4), sample_weight=w)
    assert score(MacroF1("classes_4"), y, LOGITS, w) == pytest.approx(f1, abs=1e-6)
    assert score(BalancedAccuracy("classes_4"), y, LOGITS, w) == pytest.approx(recall, abs=1e-6)
    found = confusion_matrix("classes_4", np.float32(y), LOGITS, w)
    np.testing.assert_allclose(found, np.pad(counts, ((0, 0), (0, 1))), atol=1e-4)


def test_a_class_that_does_not_occur_changes_nothing():
    y, p = [0, 0, 1], [[2.0, 0.0], [0.0, 2.0], [0.0, 2.0]]
    wide = np.pad(p, ((0, 0), (0, 3)), constant_values=-9.0)
    for metric in (MacroF1, BalancedAccuracy):
        assert score(metric("classes_2"), y, p) == pytest.approx(
            score(metric("classes_5"), y, wide)
        )


def test_a_constant_prediction_scores_one_over_the_classes():
    y = [0] * 90 + [1] * 10
    assert score(BalancedAccuracy("logit"), y, [[-1.0]] * 100) == pytest.approx(0.5)


def test_outputs_that_are_nan_have_no_score():
    y, p = [0, 1, 1], [[-1.0], [np.nan], [1.0]]
    assert np.isnan(score(BalancedAccuracy("logit"), y, p))
    assert np.isnan(score(MacroF1("logit"), y, p))
    assert confusion_matrix("logit", np.float32(y), np.float32(p)).tolist() == [
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 1.0],
    ]


@pytest.mark.parametrize("metric", [MacroF1, BalancedAccuracy])
def test_nothing_scored_is_0(metric):
    assert float(metric("logit").result()) == 0.0
