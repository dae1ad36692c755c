"""A gate is frozen when it rests, stays so over a resume, and its way there is recorded."""

import keras
import numpy as np
import pytest

from kerasfuse.layers import ModalityGate
from kerasfuse.training.callbacks import FreezeModalityGate, ModalityGateHistory, RunCheckpoint

NAMES = ["text", "pulse"]
X = {m: np.random.default_rng(i).normal(size=(12, 3)) for i, m in enumerate(NAMES)}
Y = X["pulse"].sum(1, keepdims=True)


def build():
    gate = ModalityGate(NAMES, name="gate")
    inputs = {m: keras.Input((3,), name=m) for m in NAMES}
    streams = gate(inputs)
    x = keras.layers.Concatenate()([streams[m] for m in NAMES])
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


class Script(keras.callbacks.Callback):
    """Set the first logit at the end of each epoch, before the callback under test looks."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def on_epoch_end(self, epoch, logs=None):
        self.model.get_layer("gate").logits.assign([self.logits[epoch], 0.0])


def train(model, logits, *callbacks, **kwargs):
    script = Script(logits)
    epochs = len(logits)
    return model.fit(X, Y, 4, epochs, verbose=0, callbacks=[script, *callbacks], **kwargs).history


@pytest.mark.parametrize(
    "logits, epoch",
    [
        # Weight of the first modality: sigmoid of the logit. Starts at 1/2.
        ([1.0, 1.001, 1.002, 1.003], 3),  # rests from the second epoch on
        ([1.0, 1.001, 1.5, 1.501, 1.502, 1.503], 5),  # a jump counts from the start again
        ([0.001, -0.001, 0.001, -0.001], None),  # small, but the choice flips
        ([1.0, 2.0, 3.0, 4.0], None),
    ],
)
def test_freezes_after_three_epochs_of_rest(logits, epoch):
    model, freeze = build(), FreezeModalityGate(min_delta=0.01, patience=3)
    train(model, logits, freeze)
    assert freeze.frozen_epoch == epoch
    assert model.get_layer("gate").is_frozen == (epoch is not None)


def test_a_frozen_gate_no_longer_follows_its_logits():
    model = build()
    train(model, [1.0, 1.0, 1.0, -5.0], FreezeModalityGate(patience=2))
    assert model.get_layer("gate").choice == "text"


def test_counting_goes_on_after_a_resume(tmp_path):
    logits = [1.0, 1.0, 1.0, 1.0, 1.0]

    def run(epochs, patience):
        model, freeze = build(), FreezeModalityGate(patience=patience)
        kept = RunCheckpoint(tmp_path, build(), "loss", "min", 0, [freeze])
        if epochs > kept.initial_epoch:
            train(model, logits[:epochs], freeze, kept, initial_epoch=kept.initial_epoch)
        return model, freeze

    run(2, 3)  # at rest once
    model, freeze = run(4, 3)
    assert freeze.frozen_epoch == 3 and model.get_layer("gate").is_frozen
    model, freeze = run(5, 3)
    assert freeze.frozen_epoch == 3 and model.get_layer("gate").is_frozen


def test_weights_of_batches_and_epochs_are_recorded():
    model, gate = build(), ModalityGateHistory()
    model.compile(keras.optimizers.SGD(0.5), "mse")
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[gate]).history
    assert len(gate.batches) == 2 and len(gate.batches[0]["pulse"]) == 3
    first = np.array([gate.batches[0][m] for m in NAMES])
    np.testing.assert_allclose(first.sum(0), 1.0, atol=1e-6)
    assert np.ptp(first[0]) > 1e-4  # a weight a batch, not one an epoch
    assert gate.batches[-1]["pulse"][-1] == model.get_layer("gate").probabilities["pulse"]
    for m in NAMES:
        means = [np.mean(epoch[m]) for epoch in gate.batches]
        np.testing.assert_allclose(history[f"gate_{m}"], means)
        assert gate.epochs[m] == history[f"gate_{m}"]


def test_the_figure_shows_batches_epochs_and_the_freeze(tmp_path):
    pytest.importorskip("matplotlib")
    model, gate = build(), ModalityGateHistory()
    train(model, [1.0, 1.0, 1.0], FreezeModalityGate(patience=2), gate)
    figure = gate.figure()
    batches, epochs = figure.axes
    assert [line.get_label() for line in batches.lines] == NAMES
    assert [line.get_label() for line in epochs.lines] == [*NAMES, "frozen"]
    assert epochs.lines[0].get_ydata().tolist() == gate.epochs["text"]
    assert epochs.lines[2].get_xdata()[0] == 3
    figure.savefig(tmp_path / "gate.png")


def test_wrong_use_is_told():
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    for callback in (FreezeModalityGate(), ModalityGateHistory()):
        with pytest.raises(ValueError, match="one `kerasfuse.layers.ModalityGate`.*with 0"):
            plain.fit(X["text"], Y, callbacks=[callback], verbose=0)
    for wrong in ({"min_delta": 0.0}, {"patience": 0}):
        with pytest.raises(ValueError, match="`min_delta` above 0 and `patience`"):
            FreezeModalityGate(**wrong)
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="at least one epoch"):
        ModalityGateHistory().figure()
