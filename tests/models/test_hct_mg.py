"""HCT-MG is the paper's: its parameter counts, its gate, and exactly three modalities."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.models import HCTMG

RNG = np.random.default_rng(0)
ON_TORCH = keras.config.backend() == "torch"
WIDTHS = {"pulse": 3, "speech": 4, "eeg": 5}
STEPS = {"pulse": 4, "speech": 6, "eeg": 5}
X = {m: RNG.normal(size=(4, STEPS[m], w)).astype("float32") for m, w in WIDTHS.items()}
Y = RNG.normal(size=(4, 1)).astype("float32")
SMALL = {"dim": 8, "num_heads": 2, "num_layers": 1}
torch_only = pytest.mark.skipif(not ON_TORCH, reason="compiles for minutes and differs nowhere")


def choose(model, name):
    model.get_layer("gate").logits.assign([float(m == name) for m in WIDTHS])


@pytest.mark.parametrize(
    "widths, num_outputs, num_layers, count",
    [
        ({"text": 300, "audio": 5, "vision": 20}, 1, 2, 542_843),
        ({"text": 300, "audio": 74, "vision": 35}, 1, 4, 781_803),
        ({"text": 300, "audio": 74, "vision": 35}, 8, 2, 547_330),
    ],
    ids=["mosi", "mosei", "iemocap"],
)
def test_parameters_are_the_papers_and_three_logits(widths, num_outputs, num_layers, count):
    model = HCTMG(widths, num_outputs, num_layers=num_layers)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == count + 3
    assert model.count_params() - model.get_layer("gate").count_params() == count


def test_the_gate_decides_which_hierarchy_answers_and_one_graph_holds_all():
    model = HCTMG(WIDTHS, **SMALL)
    choose(model, "pulse")
    outputs = {"pulse": model.predict(X, verbose=0)}
    for name in ("speech", "eeg"):
        choose(model, name)
        outputs[name] = model.predict(X, verbose=0)
        fixed = HCTMG(WIDTHS, gate="fixed", primary=name, **SMALL)
        fixed.set_weights(model.get_weights())
        np.testing.assert_allclose(fixed.predict(X, verbose=0), outputs[name], atol=1e-5)
        if not ON_TORCH:
            break  # each fixed model compiles anew
    assert np.abs(outputs["pulse"] - outputs["speech"]).max() > 1e-4


@torch_only
def test_a_soft_gate_mixes_the_answers_by_the_weights():
    soft = HCTMG(WIDTHS, gate="soft", **SMALL)
    logits = np.array([0.3, -0.5, 1.0])
    soft.get_layer("gate").logits.assign(logits)
    weights = np.exp(logits) / np.exp(logits).sum()
    wanted = 0.0
    for weight, name in zip(weights, WIDTHS, strict=True):
        fixed = HCTMG(WIDTHS, gate="fixed", primary=name, **SMALL)
        fixed.set_weights(soft.get_weights())
        wanted += weight * fixed.predict(X, verbose=0)
    np.testing.assert_allclose(soft.predict(X, verbose=0), wanted, atol=1e-5)


@pytest.mark.parametrize("gate", ["straight_through", "straight_through_gumbel", "soft"])
def test_training_moves_the_gate_and_a_frozen_one_stays(gate):
    if not ON_TORCH and gate != "straight_through":
        pytest.skip("compiles for minutes and differs nowhere")
    model = HCTMG(WIDTHS, gate=gate, **SMALL)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    layer = model.get_layer("gate")
    moved = layer.probabilities
    assert max(moved.values()) - min(moved.values()) > 1e-3
    layer.freeze()
    model.fit(X, Y, epochs=2, verbose=0)
    assert layer.probabilities == moved


@torch_only
def test_an_absent_primary_leaves_the_auxiliaries():
    model = HCTMG(WIDTHS, **SMALL)
    for name in WIDTHS:
        choose(model, name)
        for absent in (np.zeros_like(X[name]), None):
            outputs = model.predict(X | {name: absent}, verbose=0)
            assert np.isfinite(outputs).all() and np.ptp(outputs) > 1e-4


@torch_only
def test_every_intermediate_of_every_hierarchy_can_be_extracted():
    model = HCTMG(WIDTHS, **SMALL)
    values = model.extract(*model.intermediates).predict(X, verbose=0)
    assert len(values) == 3 * (2 + 4)
    assert values["fused/eeg"].shape == (4, 32)
    assert values["summary_attention/eeg"].shape == (4, 5)
    assert values["attention/eeg/0/speech_to_pulse"].shape == (4, 4, 6)
    choose(model, "eeg")
    head = model.get_layer("head")(ops.convert_to_tensor(values["fused/eeg"]))
    wanted = model.predict(X, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(head), wanted, atol=1e-5)


def test_wrong_arguments_are_told():
    for widths in ({"text": 3, "audio": 4}, dict.fromkeys("abcd", 3)):
        with pytest.raises(ValueError, match="exactly three modalities.*MulT or MICA"):
            HCTMG(widths)
    with pytest.raises(ValueError, match="num_layers"):
        HCTMG(WIDTHS, num_layers=0)
    with pytest.raises(ValueError, match="one of .*'eeg'.*'smell'"):
        HCTMG(WIDTHS, gate="fixed", primary="smell", **SMALL)
    with pytest.raises(ValueError, match="'straight_through'.*'hard'"):
        HCTMG(WIDTHS, gate="hard", **SMALL)
    with pytest.raises(ValueError, match="num_heads=3"):
        HCTMG(WIDTHS, dim=8, num_heads=3)
