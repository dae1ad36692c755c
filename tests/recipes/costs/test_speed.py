"""Speeds are samples over seconds, of a clock that the tests set."""

import types

import pytest

from kerasfuse.recipes.costs import speed


class Clock:
    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


class Model:
    """What compiles takes 100 s, every call after it 0.5 s."""

    def __init__(self, clock):
        self.clock, self.calls = clock, []

    def predict(self, batch, verbose=0):
        self.clock.now += 0.5 if self.calls else 100.0
        self.calls.append(batch)

    train_on_batch = predict


class Batches(list):
    num_samples = 20


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    return clock


def test_inference_is_timed_once_it_is_compiled(clock):
    assert speed.inference_speed(Model(clock), Batches()) == 20 / 0.5


def test_training_is_timed_for_a_second_once_it_is_compiled(clock, monkeypatch):
    monkeypatch.setattr(speed, "compile_model", lambda *arguments, **keywords: None)
    model = Model(clock)
    recipe = types.SimpleNamespace(modulation=None, companions=None)
    entry = types.SimpleNamespace(recipe=recipe)
    # The last batch of an epoch is smaller.
    batches = Batches([("inputs", [0] * 12), ("last inputs", [0] * 8)])
    # Three steps of half a second are the first to take more than one: 12 + 8 + 12.
    assert speed.training_speed(model, entry, batches) == 32 / 1.5
    assert len(model.calls) == 4
