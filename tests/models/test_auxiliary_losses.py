"""Named losses of layers in a model, beside those that layers of somebody else add."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse import models
from kerasfuse.layers import AuxiliaryLoss, MMDRegularizer, SupervisedAuxiliaryLoss
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.training import AGM, Modulated

RNG = np.random.default_rng(0)
X = {m: RNG.normal(size=(8, 5, 4)).astype("float32") for m in ("a", "b")}
Y = RNG.normal(size=(8, 1)).astype("float32")


class Foreign(keras.layers.Layer):
    """A layer of a user's that adds a loss, and knows nothing of names."""

    def call(self, inputs, training=None):
        if training:
            self.add_loss(1000.0 * ops.mean(ops.ones_like(inputs)))
        return inputs

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)


class Size(AuxiliaryLoss):
    loss_name = "size"

    def call(self, inputs, x, training=None):
        if training:
            self.add_value(ops.mean(ops.square(x)))
        return inputs


class Error(SupervisedAuxiliaryLoss):
    loss_name = "error"

    def call(self, inputs, x, training=None):
        if training:
            self.keep(x)
        return inputs

    def label_loss(self, y, numbers=None):
        (x,) = self.take()
        return ops.mean(ops.square(ops.cast(x, "float32") - y))


def build(kind=FusionModel):
    """A layer of somebody else's before, between and behind those with a name."""
    a, b = (keras.Input((None, 4), name=m) for m in ("a", "b"))
    y = keras.layers.Dense(1, name="head", dtype="float32")(
        keras.layers.GlobalAveragePooling1D()(Foreign(name="first")(a))
    )
    y = Size(0.5, name="size_of_a")(y, x=a)
    y = Foreign(name="second")(y)
    y = Size(0.25, name="size_of_b")(y, x=b)
    y = Error(2.0, name="error")(y, x=y)
    model = kind({"a": a, "b": b}, Foreign(name="third")(y))
    model.modalities = dict.fromkeys(X, 4)
    return model


def wrapped():
    return Modulated(build(), AGM(alpha=0.0))


def wrapped_plain():
    """A model that is no FusionModel, with our layers in it."""
    return Modulated(build(keras.Model), AGM(alpha=0.0))


@pytest.mark.parametrize("make", [build, wrapped, wrapped_plain])
def test_every_named_value_is_right_beside_a_foreign_loss(make):
    model = make()
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    logs = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, validation_data=(X, Y)).history
    size = np.mean([np.mean(np.square(X[m], dtype="float64")) for m in X])
    error = np.mean(np.square(model.predict(X, verbose=0) - Y, dtype="float64"))
    weighted = sum(
        w * np.mean(np.square(X[m], dtype="float64")) for m, w in {"a": 0.5, "b": 0.25}.items()
    )
    np.testing.assert_allclose(logs["size"], [size] * 2, rtol=1e-5)
    np.testing.assert_allclose(logs["error"], [error] * 2, rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], [3000 + error + weighted + 2 * error] * 2, rtol=1e-5)
    assert set(logs) == {"loss", "size", "error", "val_loss"}
    assert "size" not in model.evaluate(X, Y, verbose=0, return_dict=True)
    assert "size" not in model.test_on_batch(X, Y, return_dict=True)
    assert "size" in model.train_on_batch(X, Y, return_dict=True)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_scores_pass_through_in_float32(policy):
    layer = MMDRegularizer(dtype=policy)
    scores = np.array([[1.0009765], [3.1415927]], "float32")
    q = RNG.normal(size=(2, 3, 1, 4)).astype("float32")
    passed = layer(scores, q, q)
    assert keras.backend.standardize_dtype(passed.dtype) == "float32"
    np.testing.assert_array_equal(ops.convert_to_numpy(passed), scores)


def test_a_value_is_taken_once():
    layer = Size(0.5)
    assert layer.take_value() is None
    layer(Y, x=X["a"], training=True)
    expected = np.mean(np.square(X["a"]))
    assert float(layer.take_value()) == pytest.approx(expected, rel=1e-6)
    assert layer.take_value() is None
    assert [float(v) for v in layer.losses] == [pytest.approx(0.5 * expected, rel=1e-6)]


@pytest.mark.parametrize("name", ["MulT", "MICA"])
@pytest.mark.parametrize("wrap", [False, True])
def test_heads_of_targets_learn_the_task(name, wrap):
    arguments = {"dim": 4, "num_heads": 2, "num_layers": 1, "embedding_dropout": 0.0}
    arguments |= {"residual_dropout": 0.0, "feedforward_dropout": 0.0, "alpha": 0.0, "beta": 0.0}
    kind = getattr(models, name)
    inner = kind({"a": 4, "b": 4}, target_heads=0.25, **arguments)
    assert kind.from_config(inner.get_config()).target_heads == 0.25
    model = Modulated(inner, AGM(alpha=0.0)) if wrap else inner
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    logs = model.fit(X, Y, batch_size=8, verbose=0).history
    heads = inner.get_layer("target_heads").heads
    vectors = inner.extract("summary/a", "summary/b").predict(X, verbose=0)
    errors = [np.abs(ops.convert_to_numpy(heads[m](vectors[f"summary/{m}"])) - Y).mean() for m in X]
    task = np.abs(inner.predict(X, verbose=0) - Y).mean()
    np.testing.assert_allclose(logs["heads"], np.mean(errors), rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], task + 0.25 * np.mean(errors), rtol=1e-5)


def test_heads_learn_one_task():
    inner = models.MulT({"a": 4, "b": 4}, dim=4, num_heads=2, num_layers=1, target_heads=1.0)
    inner.compile("sgd", loss=["mae"])
    with pytest.raises(ValueError, match="compiled with one loss"):
        inner.fit(X, Y, verbose=0)


@pytest.mark.parametrize("model", ["MICA", "MulT"])
def test_the_bandwidth_of_the_mmd_is_the_models(model):
    widths = {"text": 3, "audio": 4}
    sizes = {"dim": 4, "num_heads": 2, "num_layers": 1, "alpha": 0.5}
    for bandwidth in ("differentiated", "detached"):
        made = getattr(models, model)(widths, mmd_bandwidth=bandwidth, **sizes)
        found = {x.bandwidth for x in made.layers if isinstance(x, MMDRegularizer)}
        assert found == {bandwidth} == {made.get_config()["mmd_bandwidth"]}
    with pytest.raises(ValueError, match="'differentiated', 'detached' or a positive number"):
        getattr(models, model)(widths, mmd_bandwidth="free", **sizes)
