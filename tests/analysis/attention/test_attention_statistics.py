"""Attention whose entropy and largest weight are known."""

import math

import numpy as np
import pytest
from known_attention import KnownModel, inputs

from kerasfuse import models
from kerasfuse.analysis import AttentionStatistics, attention_statistics
from kerasfuse.datasets import Batches, load


def model_of(queries, keys):
    """Heads of one dimension, over layer 0 from audio to text."""
    return KnownModel(
        attention__0__audio_to_text=0.0,
        queries__0__audio_to_text=np.asarray(queries, "float32")[..., None, None],
        keys__0__audio_to_text=np.asarray(keys, "float32")[..., None, None],
    )


def test_uniform_attention_has_entropy_1_and_peak_1():
    x = inputs([[1, 1, 0]], [[1, 1, 1, 0, 1]])
    found = attention_statistics(model_of([[0, 0, 9]], [[3, -4, 5, 9, 4]]), x)
    [statistics] = found.values()
    assert statistics["entropy"] == pytest.approx(1.0) and statistics["peak"] == pytest.approx(1.0)
    # Of real steps alone.
    assert statistics["query_norm"] == 0.0 and statistics["key_norm"] == pytest.approx(4.0)
    assert found.uniform_layers == [0]
    assert found.sentence().startswith("Attention is uniform: the largest weight of a row is 1.00")


def test_attention_to_a_single_key_has_entropy_0_and_the_number_of_keys_as_peak():
    x = inputs([[1, 1]], [[1, 1, 1, 1, 0]])
    found = attention_statistics(model_of([[100, -100]], [[9, -9, 0, 1, 50]]), x)
    [statistics] = found.values()
    assert statistics["entropy"] == pytest.approx(0.0, abs=1e-6)
    assert statistics["peak"] == pytest.approx(4.0)
    assert found.uniform_layers == [] and found.sentence().startswith("Attention is not uniform")


def test_known_weights():
    """Keys of logits log 3 and log 1: weights 3/4 and 1/4."""
    x = inputs([[1]], [[1, 1]])
    [found] = attention_statistics(model_of([[1.0]], [[math.log(3), 0]]), x).values()
    bits = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert found["entropy"] == pytest.approx(bits) and found["peak"] == pytest.approx(1.5)


def test_maps_do_without_queries_and_keys():
    weights = [[[0.75, 0.25, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]]
    model = KnownModel(attention__gather__audio=weights, attention__0__audio_to_text=weights)
    found = attention_statistics(model, inputs([[1, 1, 0]], [[1, 1, 0]]))
    bits = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert set(found["0/audio_to_text"]) == {"entropy", "peak"}
    assert found["0/audio_to_text"]["peak"] == pytest.approx((1.5 + 1) / 2)
    assert found["0/audio_to_text"]["entropy"] == pytest.approx((bits + 1) / 2)
    # A query that is no step of a modality counts wherever it attends.
    assert found["gather/audio"]["peak"] == pytest.approx((1.5 + 1 + 2) / 3)
    assert list(found.layers) == [None, 0]


def test_rows_with_a_single_key_and_absent_modalities_do_not_count():
    alone = attention_statistics(model_of([[1.0]], [[1, 1]]), inputs([[1]], [[1, 0]]))
    absent = attention_statistics(model_of([[1.0]], [[1, 1]]), inputs([[0]], [[1, 1]]))
    assert math.isnan(alone["0/audio_to_text"]["peak"])
    assert all(math.isnan(absent["0/audio_to_text"][key]) for key in ("entropy", "query_norm"))


def oracle(q, k, real_q, real_k):
    """Means over rows and heads, by loops in float64."""
    entropies, peaks = [], []
    for b, n, h in np.ndindex(q.shape[:3]):
        if not real_q[b, n]:
            continue
        logits = (k[b, real_k[b], h] @ q[b, n, h]) / np.sqrt(q.shape[-1])
        p = np.exp(logits - logits.max())
        p /= p.sum()
        entropies.append(-(p * np.log(p)).sum() / np.log(len(p)))
        peaks.append(len(p) * p.max())
    return np.mean(entropies), np.mean(peaks)


@pytest.mark.parametrize("cls", [models.MICA, models.MulT])
def test_a_model_against_the_oracle(cls):
    data = load("simulated", "test", num_samples=6, batch_size=4, missing_frames={"audio": 0.2})
    model = cls(data.modalities, dim=6, num_heads=2, num_layers=2)
    for weight in model.trainable_weights:  # so that attention is not next to uniform
        if "query" in weight.path or "key" in weight.path:
            weight.assign(3 * weight.value)
    found = attention_statistics(model, data)
    assert len(found) == 12 and list(found.layers) == [0, 1]
    for name in ("0/audio_to_text", "1/text_to_vision"):
        source, _, target = name.split("/")[1].partition("_to_")
        rows = []
        for x, _ in data:
            both = model.extract(f"queries/{name}", f"keys/{name}").predict_on_batch(x)
            q, k = (np.asarray(both[f"{kind}/{name}"], "float64") for kind in ("queries", "keys"))
            real_q, real_k = (x[m].any(axis=-1) for m in (target, source))
            rows.append((oracle(q, k, real_q, real_k), real_q.sum()))
        for i, key in enumerate(("entropy", "peak")):
            wanted = np.average([row[i] for row, _ in rows], weights=[n for _, n in rows])
            assert found[name][key] == pytest.approx(wanted, rel=1e-4)


def test_causal_rows_see_fewer_keys():
    """With queries of zero every row is even over what it may see."""
    data = load("simulated", "test", num_samples=2)
    model = models.MulT(data.modalities, dim=4, num_heads=2, num_layers=1, causal=True)
    for weight in model.weights:
        if "query" in weight.path:
            weight.assign(np.zeros(weight.shape))
    for statistics in attention_statistics(model, data).values():
        assert statistics["entropy"] == pytest.approx(1.0, abs=1e-5)
        assert statistics["peak"] == pytest.approx(1.0, abs=1e-5)


def test_other_models_that_offer_attention():
    data = load("simulated", "test", num_samples=3)
    gated = models.HCTMG(data.modalities, dim=4, num_heads=2, num_layers=1)
    found = attention_statistics(gated, data)
    assert len(found) == 4 and len({name.split("/")[0] for name in found}) == 1
    for model in (gated, models.DAHB(data.modalities, dim=4, num_heads=2, num_layers=1)):
        for statistics in attention_statistics(model, data).values():
            assert 0 < statistics["entropy"] <= 1.001 and statistics["peak"] >= 0.999


def test_some_layers_are_uniform():
    sharp, flat = np.array([[[0.9, 0.1]]]), np.array([[[0.5, 0.5]]])
    model = KnownModel(
        attention__0__audio_to_text=sharp,
        attention__1__audio_to_text=flat,
        attention__2__audio_to_text=flat,
        attention__2__text_to_text=sharp,
    )
    found = attention_statistics(model, inputs([[1]], [[1, 1]]))
    assert found.uniform_layers == [1]
    assert "uniform in layer 1: the largest weight of a row is 1.00" in found.sentence()
    assert "mean" in repr(found.table())


def test_models_without_attention_are_refused():
    model = models.LFLSTM({"text": 3, "audio": 2}, dim=2, hidden_units=[])
    batches = Batches({"text": [np.ones((2, 3))], "audio": [np.ones((2, 2))]})
    with pytest.raises(ValueError, match="expected crossmodal attention"):
        attention_statistics(model, batches)


def test_maps_of_a_source_of_one_step_are_not_called_uniform():
    sharp, unknown = {"entropy": 0.5, "peak": 2.0}, {"entropy": math.nan, "peak": math.nan}
    found = AttentionStatistics({"0/a_to_b": sharp, "0/b_to_a": unknown, "0/c_to_a": unknown})
    assert found.peaks == {0: [2.0]} and found.uniform_layers == []
