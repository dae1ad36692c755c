"""What Keras looks for in a pass before the first step, the first step makes itself."""

import keras
import numpy as np
import pytest

from kerasfuse import backend, models
from kerasfuse.models.parts.built_in_first_step import BuiltInFirstStep
from kerasfuse.training import AGM, Modulated

RNG = np.random.default_rng(0)
X = {name: RNG.normal(size=(6, 4, width)).astype("float32") for name, width in (("a", 3), ("b", 2))}
Y = RNG.normal(size=(6, 1)).astype("float32")


def compiled(is_modulated):
    keras.utils.set_random_seed(0)
    model = models.LMF({"a": 3, "b": 2}, language="a", dim=4, rank=2)
    model = Modulated(model, AGM(alpha=0.5)) if is_modulated else model
    model.compile(keras.optimizers.Adam(0.01, global_clipnorm=1.0), "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("is_modulated", [False, True])
def test_a_training_is_the_same_without_the_pass(is_modulated, monkeypatch):
    found = []
    for skipped in (True, False):
        if not skipped:
            monkeypatch.setattr(backend, "builds_as_it_goes", lambda model: False)
        model = compiled(is_modulated)
        fitted = model.fit(X, Y, batch_size=3, epochs=2, validation_data=(X, Y), verbose=0)
        scores = compiled(is_modulated).evaluate(X, Y, return_dict=True, verbose=0)
        found.append((fitted.history, model.get_weights(), scores))
    (history, weights, scores), (with_pass, weights_with, scores_with) = found
    assert history == with_pass
    assert scores == scores_with
    assert set(scores) == {"loss", "mae"}
    for x, y in zip(weights, weights_with, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.skipif(backend.name() != "torch", reason="the others trace every model")
def test_pytorch_calls_a_model_once_a_batch(monkeypatch):
    calls = []
    plain = models.LMF.call
    monkeypatch.setattr(models.LMF, "call", lambda *a, **k: (calls.append(1), plain(*a, **k))[1])
    compiled(False).evaluate(X, Y, batch_size=3, verbose=0)
    assert len(calls) == 2


@pytest.mark.skipif(backend.name() != "torch", reason="the others compile every model")
def test_a_step_that_keras_compiles_has_the_pass_and_a_call_that_is_compiled_has_none():
    class Plain(BuiltInFirstStep, keras.Sequential):
        pass

    plain = Plain([keras.layers.Input((3,)), keras.layers.Dense(1)])
    for model, calls_compile in ((plain, False), (compiled(False), True)):
        model.compile("sgd", "mse")
        assert backend.builds_as_it_goes(model)
        model.jit_compile = True
        assert backend.builds_as_it_goes(model) is calls_compile
