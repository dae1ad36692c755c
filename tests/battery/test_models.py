"""What every model and every strategy of the library is held to."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest

from kerasfuse import training
from kerasfuse.entries.recipe import STRATEGIES
from kerasfuse.models import LateFusion

TESTS = pathlib.Path(__file__).parents[1]


def _of_tests(path):
    spec = importlib.util.spec_from_file_location("rows_of_models", TESTS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Every model with small arguments; that none is left out is a test there.
ROWS = _of_tests("analysis/test_coalitions.py")
# Name of a strategy -> a new one. One without a row here fails the battery.
MAKE = {
    "AGM": lambda: training.AGM(alpha=1.0),
    "OGMGE": lambda: training.OGMGE(alpha=0.5, variables="all"),
    "MSES": lambda: training.MSES({"text": 1, "audio": 2}),
    "MSLR": lambda: training.MSLR({"text": 1.0, "audio": 0.5}),
}


@pytest.fixture
def mixed():
    before = keras.mixed_precision.dtype_policy()
    yield
    keras.mixed_precision.set_dtype_policy(before)


@pytest.mark.parametrize(("name", "arguments"), ROWS.MODELS, ids=ROWS.NAMES)
def test_outputs_are_float32_under_mixed_precision(name, arguments, mixed):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    model, (x, _) = ROWS.build(name, arguments), ROWS.batch(name)
    outputs = model(x, training=False)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert np.isfinite(keras.ops.convert_to_numpy(outputs)).all()


def test_no_strategy_is_left_out():
    assert set(MAKE) == set(STRATEGIES)


@pytest.mark.parametrize("name", MAKE)
def test_every_strategy_trains_and_keeps_what_is_finite(name):
    """Late fusion has encoders and shares of its own: it can be trained under any strategy."""
    keras.utils.set_random_seed(0)
    encoder = {"class": "TransformerEncoder", "dim": 4, "num_heads": 2, "num_layers": 1}
    encoders = dict.fromkeys(ROWS.TWO, encoder)
    model = training.Modulated(LateFusion(ROWS.TWO, encoders=encoders), MAKE[name]())
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    x, y = ROWS.batch()
    before = [np.array(w) for w in model.model.get_weights()]
    history = model.fit(x, y, validation_data=(x, y), epochs=3, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    after = model.model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    assert any((a != b).any() for a, b in zip(after, before, strict=True))
    outputs = model.predict(x, verbose=0)
    np.testing.assert_allclose(outputs, model.model.predict(x, verbose=0), atol=1e-6)
