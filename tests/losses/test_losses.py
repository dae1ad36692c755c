"""The task losses against NumPy in float64, and in training."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.losses import EmotionCrossEntropy, SentimentCrossEntropy


def cross_entropy(logits, classes):
    """Mean over all but the last axis, in float64."""
    logits = np.asarray(logits, "float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_softmax, np.asarray(classes)[..., None], axis=-1).mean()


def data(outputs, size=50):
    rng = np.random.default_rng(0)
    logits = (4 * rng.normal(size=(size, outputs))).astype("float32")
    return rng, logits


def test_sentiment_agrees_with_numpy():
    rng, logits = data(7)
    y = np.float32(rng.choice(np.arange(-14, 15) / 4.0, (50, 1)))  # halves, and beyond the range
    classes = np.round(np.clip(y[:, 0].astype("float64"), -3, 3)).astype(int) + 3
    expected = cross_entropy(logits, classes)
    for labels in (y, y[:, 0], y[:, :, None]):
        assert float(SentimentCrossEntropy()(labels, logits)) == pytest.approx(expected, rel=1e-6)


def test_halves_have_the_class_that_the_metric_counts():
    logits = np.zeros((1, 7), "float32")
    for half, even in ((0.5, 0), (1.5, 2), (-2.5, -2), (-0.5, 0)):
        logits[:] = 0.0
        logits[0, even + 3] = 50.0
        assert float(SentimentCrossEntropy()(np.float32([[half]]), logits)) < 1e-6


def test_emotion_agrees_with_numpy():
    rng, logits = data(8)
    classes = rng.integers(0, 2, (50, 4))
    expected = cross_entropy(logits.reshape(-1, 4, 2), classes)
    for labels in (np.float32(classes), np.float32(np.eye(2)[classes])):
        for outputs in (logits, logits.reshape(-1, 4, 2)):
            found = float(EmotionCrossEntropy()(labels, outputs))
            assert found == pytest.approx(expected, rel=1e-6)


LOSSES = [
    pytest.param(SentimentCrossEntropy, 7, (1,), id="sentiment"),
    pytest.param(EmotionCrossEntropy, 8, (4,), id="emotion"),
]


@pytest.mark.parametrize("loss, outputs, label_shape", LOSSES)
def test_large_logits_stay_finite(loss, outputs, label_shape):
    logits = np.float32(np.tile([1e4, -1e4], (2, 4))[:, :outputs])
    found = float(loss()(np.zeros((2, *label_shape), "float32"), logits))
    assert np.isfinite(found)
    assert np.isfinite(float(loss()(np.ones((2, *label_shape), "float32"), logits)))


def test_small_losses_are_not_lost():
    logits = np.float32([[20.0, 0.0] * 4])
    found = float(EmotionCrossEntropy()(np.zeros((1, 4), "float32"), logits))
    assert found == pytest.approx(np.log1p(np.exp(-20.0)), rel=1e-5)


@pytest.mark.parametrize("loss, outputs, label_shape", LOSSES)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_lowers_the_loss(loss, outputs, label_shape, policy):
    keras.config.set_dtype_policy(policy)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = np.sign(x[:, : label_shape[0]]) if outputs == 7 else np.float32(x > 0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(outputs)])
    model.compile(keras.optimizers.Adam(0.1), loss())
    history = model.fit(x, y, epochs=5, batch_size=32, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize("loss, outputs, label_shape", LOSSES)
def test_low_precision_outputs_are_cast(loss, outputs, label_shape):
    _, logits = data(outputs)
    y = np.ones((50, *label_shape), "float32")
    rounded = ops.cast(logits, "bfloat16")
    found = loss()(y, rounded)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(float(loss()(y, ops.cast(rounded, "float32"))), rel=1e-6)


@pytest.mark.parametrize("loss, outputs, label_shape", LOSSES)
def test_sample_weights_and_reduction(loss, outputs, label_shape):
    _, logits = data(outputs)
    y = np.ones((50, *label_shape), "float32")
    each = ops.convert_to_numpy(loss(reduction=None)(y, logits))
    assert each.shape == (50,)
    weights = np.arange(50, dtype="float32")
    found = float(loss(reduction="sum")(y, logits, weights))
    assert found == pytest.approx(float((each * weights).sum()), rel=1e-5)


@pytest.mark.parametrize("loss, outputs, label_shape", LOSSES)
def test_config_round_trip(loss, outputs, label_shape):
    config = keras.saving.serialize_keras_object(loss(reduction="sum", name="task"))
    assert config["registered_name"] == f"kerasfuse>{loss.__name__}"
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is loss
    assert (copy.reduction, copy.name) == ("sum", "task")


@pytest.mark.parametrize(
    "loss, y_shape, p_shape, words",
    [
        (SentimentCrossEntropy(), (3, 1), (3, 1), "num_outputs=7.*Received: y_pred.shape"),
        (SentimentCrossEntropy(), (3, 7), (3, 7), "one label per sample.*Received: y_true"),
        (EmotionCrossEntropy(), (3, 4), (3, 4), "eight logits.*Received: y_pred"),
        (EmotionCrossEntropy(), (3, 8), (3, 8), "one-hot pairs.*Received: y_true"),
    ],
)
def test_wrong_shapes_are_refused(loss, y_shape, p_shape, words):
    with pytest.raises(ValueError, match=words):
        loss(np.zeros(y_shape, "float32"), np.zeros(p_shape, "float32"))
