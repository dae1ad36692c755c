"""The gate against numpy: weights, choice, gradient, noise, freezing, checkpoints."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import ModalityGate

RNG = np.random.default_rng(0)
NAMES = ["text", "audio", "pulse"]
X = {m: RNG.normal(size=(4, 2 + i)).astype("float32") for i, m in enumerate(NAMES)}
LOGITS = np.array([0.3, -0.2, 0.9])


def softmax(g):
    e = np.exp(g - g.max())
    return e / e.sum()


def numpy(x):
    return ops.convert_to_numpy(x)


def built(mode="straight_through", primary=None, logits=LOGITS):
    gate = ModalityGate(NAMES, mode, primary, name="gate")
    gate(X)
    if mode != "fixed":
        gate.logits.assign(logits)
    return gate


def model(mode="straight_through", primary=None, logits=LOGITS, direct=False):
    """Return a model whose output is linear in the streams, or in the weights themselves."""
    gate = ModalityGate(NAMES, mode, primary, name="gate")
    inputs = {m: keras.Input(x.shape[1:], name=m) for m, x in X.items()}
    streams, weights, _ = gate(inputs, return_choice=True)
    sums = [ops.sum(x, axis=1, keepdims=True) for x in streams.values()]
    if direct:
        sums = [weights[i] * s for i, s in enumerate(sums)]
    outputs = sums[0] + sums[1] + sums[2]
    if mode == "fixed":
        outputs = keras.layers.Dense(1)(outputs)  # something to train
    whole = keras.Model(inputs, outputs)
    if mode != "fixed":
        gate.logits.assign(logits)
    return whole, gate


def step(whole, optimizer, targets=None):
    whole.compile(optimizer, "mse")
    targets = np.zeros((4, 1), "float32") if targets is None else targets
    whole.fit(X, targets, batch_size=4, verbose=0)


@pytest.mark.parametrize("mode", ["straight_through", "straight_through_gumbel", "soft"])
def test_weights_are_the_softmax_and_the_largest_is_chosen(mode):
    gate = built(mode)
    streams, weights, primary = gate(X, return_choice=True)
    np.testing.assert_allclose(numpy(weights), softmax(LOGITS), atol=1e-6)
    assert int(primary) == 2 and gate.choice == "pulse"
    assert list(gate.probabilities) == NAMES
    np.testing.assert_allclose(list(gate.probabilities.values()), softmax(LOGITS), atol=1e-6)
    for m in NAMES:
        assert numpy(streams[m]).tolist() == X[m].tolist()


def test_the_first_modality_leads_at_first():
    gate = ModalityGate(NAMES)
    gate(X)
    assert gate.choice == "text"
    np.testing.assert_allclose(list(gate.probabilities.values()), 1 / 3, atol=1e-6)


def test_a_fixed_gate_has_chosen_and_has_nothing_to_train():
    gate = built("fixed", "audio")
    _, weights, primary = gate(X, return_choice=True, training=True)
    assert numpy(weights).tolist() == [0.0, 1.0, 0.0] and int(primary) == 1
    assert gate.choice == "audio" and gate.is_frozen and not gate.trainable_weights


def test_scaling_changes_no_value_in_training():
    for mode in ("straight_through", "straight_through_gumbel"):
        streams = built(mode)(X, training=True)
        for m in NAMES:
            assert numpy(streams[m]).tolist() == X[m].tolist()


@pytest.mark.parametrize("mode", ["straight_through", "soft"])
def test_the_gradient_is_that_of_the_weights(mode):
    # L = mean_b (sum_m s_m S_mb - t_b)^2 with S the sums of the streams; s_m has value 1 and the
    # gradient of w_m, or is w_m itself where the weights are used directly.
    whole, gate = model(mode, direct=mode == "soft")
    targets = RNG.normal(size=(4, 1)).astype("float32")
    w = softmax(LOGITS)
    s = w if mode == "soft" else np.ones(3)
    sums = np.stack([X[m].astype("float64").sum(1) for m in NAMES])
    error = s @ sums - targets[:, 0]
    by_weight = 2 * (sums * error).mean(1)
    wanted = w * (by_weight - w @ by_weight)
    step(whole, keras.optimizers.SGD(1.0), targets)
    np.testing.assert_allclose(LOGITS - numpy(gate.logits), wanted, rtol=1e-4, atol=1e-5)


def test_the_gumbel_gate_draws_by_the_weights_in_training_only():
    gate = built("straight_through_gumbel")
    draws = 600
    counts = np.zeros(3)
    for _ in range(draws):
        counts[int(gate(X, return_choice=True, training=True)[2])] += 1
    share = softmax(LOGITS)
    deviation = np.sqrt(share * (1 - share) / draws)
    assert (np.abs(counts / draws - share) < 5 * deviation).all()
    assert {int(gate(X, return_choice=True)[2]) for _ in range(20)} == {2}


@pytest.mark.parametrize("mode", ["straight_through", "straight_through_gumbel"])
def test_a_frozen_gate_stays_whatever_the_optimizer_carries_on(mode):
    whole, gate = model(mode)
    step(whole, keras.optimizers.SGD(0.1, momentum=0.9))
    gate.freeze()
    kept = gate.probabilities
    # A step without a gradient, which momentum does not need.
    before = numpy(gate.logits)
    whole.fit(X, np.zeros((4, 1)), verbose=0)
    assert np.abs(numpy(gate.logits) - before).max() > 0
    assert gate.probabilities == kept and gate.is_frozen
    assert {int(gate(X, return_choice=True, training=True)[2]) for _ in range(20)} == {
        NAMES.index(gate.choice)
    }


def test_a_frozen_gate_sends_no_gradient():
    whole, gate = model()
    gate.freeze()
    step(whole, keras.optimizers.SGD(1.0), np.ones((4, 1)))
    np.testing.assert_allclose(numpy(gate.logits), LOGITS, atol=1e-7)


def test_freezing_twice_keeps_the_first():
    gate = built()
    gate.freeze()
    gate.logits.assign(-LOGITS)
    gate.freeze()
    assert gate.choice == "pulse"


def test_a_gate_frozen_before_it_was_built_is_told():
    gate = ModalityGate(NAMES, name="gate")
    with pytest.raises(ValueError, match="built, before its weights are there to freeze.*'gate'"):
        gate.freeze()
    with pytest.raises(ValueError, match="built"):
        _ = gate.probabilities


def saved(tmp_path, *args, freeze=False, **kwargs):
    whole, gate = model(*args, **kwargs)
    if freeze:
        gate.freeze()
    path = tmp_path / "saved.weights.h5"
    whole.save_weights(path)
    return path


def without_dense(mode, primary=None):
    gate = ModalityGate(NAMES, mode, primary, name="gate")
    inputs = {m: keras.Input(x.shape[1:], name=m) for m, x in X.items()}
    streams = gate(inputs)
    return keras.Model(inputs, streams), gate


def test_a_checkpoint_keeps_the_gate_frozen(tmp_path):
    path = saved(tmp_path, freeze=True)
    whole, gate = model(logits=-LOGITS)
    whole.load_weights(path)
    assert gate.is_frozen and gate.choice == "pulse"


# Keras tells of the layer that refused, and of the containers that list it.
@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_checkpoint_of_another_mode(tmp_path):
    free, _ = without_dense("straight_through")
    free.get_layer("gate").logits.assign(LOGITS)
    free.save_weights(tmp_path / "free.weights.h5")
    fixed, _ = without_dense("fixed", "audio")
    fixed.save_weights(tmp_path / "fixed.weights.h5")

    same, gate = without_dense("fixed", "pulse")
    same.load_weights(tmp_path / "free.weights.h5")
    assert gate.choice == "pulse" and gate.probabilities["pulse"] == 1.0
    other, gate = without_dense("fixed", "text")
    with pytest.raises(ValueError, match="chose 'text'.*Received: 'pulse'"):
        other.load_weights(tmp_path / "free.weights.h5")
    assert gate.choice == "text" and gate.is_frozen
    for mode in ("straight_through", "straight_through_gumbel", "soft"):
        learning, gate = without_dense(mode)
        learning.load_weights(tmp_path / "fixed.weights.h5")
        assert gate.choice == "audio" and gate.is_frozen
        learning.load_weights(tmp_path / "free.weights.h5")
        assert gate.choice == "pulse" and not gate.is_frozen


@pytest.mark.parametrize(
    "args, told",
    [
        ((["text"],), "two or more different names"),
        ((["text", "text"],), "two or more different names"),
        ((NAMES, "hard"), "'straight_through_gumbel', 'soft', 'fixed'.*'hard'"),
        ((NAMES, "fixed"), "one of .*'pulse'.*Received: None"),
        ((NAMES, "fixed", "smell"), "Received: 'smell'"),
        ((NAMES, "soft", "text"), "leave it out"),
    ],
)
def test_wrong_arguments_are_told(args, told):
    with pytest.raises(ValueError, match=told):
        ModalityGate(*args)
