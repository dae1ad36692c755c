"""Contributions against closed forms of an additive model, and on aligned and real models."""

import keras
import numpy as np
import pytest
from additive_model import WEIGHTS, SumOfSums, batches, samples, sums

from kerasfuse import metrics, models
from kerasfuse.analysis import modality_contribution, modality_contribution_figure
from kerasfuse.datasets import Batches, load


class MeanOutput(keras.metrics.Metric):
    """A metric that is linear in the outputs, so that its Shapley values are known."""

    def __init__(self):
        super().__init__(name="mean_output")
        self.value = self.add_variable((), "zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(keras.ops.mean(keras.ops.convert_to_tensor(y_pred)))

    def result(self):
        return keras.ops.convert_to_tensor(self.value)


METRICS = [MeanOutput(), metrics.MeanAbsoluteError()]


@pytest.fixture(scope="module")
def found():
    return modality_contribution(SumOfSums(), batches(), METRICS, permutations=3, seed=2)


def test_shares_of_an_additive_model_are_its_terms(found):
    truth = sums(samples())
    for m, weight in WEIGHTS.items():
        term = weight * truth[m].mean()
        assert found.shapley[m]["mean_output"] == pytest.approx(term, abs=1e-5)
        assert found.absent[m]["mean_output"] == pytest.approx(term, abs=1e-5)
        # Whatever the permutation, the sum over samples is the same.
        assert found.permuted[m]["mean_output"] == pytest.approx(0.0, abs=1e-5)
        assert found.permuted_sd[m]["mean_output"] == pytest.approx(0.0, abs=1e-5)


def test_shares_add_up_to_all_less_nothing(found):
    truth = sums(samples())
    nothing = np.abs(0.5 + sum(WEIGHTS[m] * truth[m] for m in WEIGHTS)).mean()
    assert found.nothing["mae"] == pytest.approx(nothing, abs=1e-5)
    for metric in ("mean_output", "mae"):
        total = sum(found.shapley[m][metric] for m in WEIGHTS)
        assert total == pytest.approx(found.everything[metric] - found.nothing[metric], abs=1e-6)


def test_permuted_and_absent_against_numpy(found):
    truth = sums(samples())
    for m, weight in WEIGHTS.items():
        drops = []
        for i in range(3):
            order = np.random.default_rng([2, i]).permutation(11)
            error = np.abs(0.5 + weight * (truth[m] - truth[m][order]))
            drops.append(0.5 - error.mean())
        assert found.permuted[m]["mae"] == pytest.approx(np.mean(drops), abs=1e-5)
        assert found.permuted_sd[m]["mae"] == pytest.approx(np.std(drops, ddof=1), abs=1e-5)
        gone = np.abs(0.5 + weight * truth[m]).mean()
        assert found.absent[m]["mae"] == pytest.approx(0.5 - gone, abs=1e-5)


def test_rows_and_bars_show_the_numbers(found):
    rows = found.table("mae")
    assert [row[0] for row in rows] == list(WEIGHTS)
    assert rows[1][1:] == tuple(
        column["audio"]["mae"]
        for column in (found.absent, found.permuted, found.permuted_sd, found.shapley)
    )
    axes = modality_contribution_figure(found, "mae", title="A model").axes[0]
    widths = sorted(bar.get_width() for bar in axes.patches)
    assert widths == pytest.approx(sorted(v for row in rows for v in (row[1], row[2], row[4])))
    with pytest.raises(ValueError, match="mean_output, mae. Received: 'corr'"):
        modality_contribution_figure(found, "corr")


def test_progress_counts_every_pass():
    passes = []
    modality_contribution(
        SumOfSums(), batches(), METRICS, 2, progress=lambda *at: passes.append(at)
    )
    assert passes == [(i + 1, 8 + 2 * 3) for i in range(14)]


@pytest.mark.parametrize("padding", ["right", "left"])
def test_a_word_aligned_model_gets_equal_steps(padding):
    rng = np.random.default_rng(0)
    lengths = [2, 9, 4, 7]
    inputs = {m: [rng.normal(size=(n, w)) for n in lengths] for m, w in (("a", 3), ("b", 2))}
    data = Batches(inputs, np.zeros(4), batch_size=2, padding=padding)
    model = models.EFLSTM(data.modalities, dim=3)
    assert model.word_aligned
    found = modality_contribution(model, data, METRICS, permutations=2)
    assert np.isfinite(found.permuted["a"]["mae"])


def test_a_modality_that_is_not_read_is_worth_nothing():
    class TextAlone(SumOfSums):
        def call(self, inputs):
            return super().call({**inputs, "audio": 0 * inputs["audio"]})

    found = modality_contribution(TextAlone(), batches(), METRICS, 2)
    for measure in (found.absent, found.permuted, found.shapley):
        assert measure["audio"] == pytest.approx({"mean_output": 0.0, "mae": 0.0}, abs=1e-6)


def test_any_model_of_the_library_will_do():
    test = load("simulated", split="test", like="iemocap", num_samples=6)
    model = models.HCTMG(test.modalities, num_outputs=8, dim=8, num_heads=2, num_layers=1)
    found = modality_contribution(model, test, metrics.emotion(), permutations=1)
    for metric in found.everything:
        total = sum(found.shapley[m][metric] for m in test.modalities)
        assert total == pytest.approx(found.everything[metric] - found.nothing[metric], abs=1e-6)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="from 1. Received: 0"):
        modality_contribution(SumOfSums(), batches(), METRICS, permutations=0)
    with pytest.raises(ValueError, match="shuffle=False"):
        modality_contribution(SumOfSums(), batches(shuffle=True), METRICS)
