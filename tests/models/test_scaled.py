"""Units inside a model: oracles in float64, padding at zero, the same model whatever the units."""

import keras
import numpy as np
import pytest
from harness import check_layer
from keras import ops

from kerasfuse.datasets import Batches
from kerasfuse.layers import FeatureScaling, LabelScaling
from kerasfuse.models import EFLSTM, LFLSTM, LMF, MICA, MMIM, Scaled, SelfMM
from kerasfuse.training import storage

WIDTHS = {"text": 3, "audio": 2}
SMALL = {"dim": 4, "hidden_units": (4,)}


def samples(count=24, seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for m, width in WIDTHS.items():
        x = rng.normal(3, 2, size=(count, 6, width)).astype("float32")
        for i in range(count):
            x[i, 1 + i % 6 :] = 0
        found[m] = x
    found["audio"][4] = 0  # absent
    labels = found["text"][:, 0, :1] + rng.normal(size=(count, 1))
    return found, labels.astype("float32")


def batches(times=1.0, plus=0.0, factor=1.0, **options):
    inputs, labels = samples()
    inputs = {m: factor * x for m, x in inputs.items()}
    return Batches(inputs, plus + times * labels, batch_size=8, **options)


def test_features_are_those_of_numpy():
    x = np.random.default_rng(0).normal(5, 3, size=(200, 2))
    layer = FeatureScaling()
    layer.adapt(x)
    y = ops.convert_to_numpy(layer(x[None].astype("float32")))[0]
    np.testing.assert_allclose(y, (x - x.mean(axis=0)) / x.std(axis=0), atol=2e-6)


def test_padding_stays_and_real_steps_do_not_become_it():
    layer = FeatureScaling()
    layer.adapt(np.array([[1.0, 4.0], [3.0, 4.0]]))
    y = ops.convert_to_numpy(layer(np.array([[[0, 0], [2.0, 4.0], [0, 4.0]]])))[0]
    # The mean itself would be zeros, and so a step that nobody sees.
    assert not y[0].any() and y[1].all() and abs(y[1]).max() < 1e-5
    np.testing.assert_allclose(y[2], [-2, 0], atol=1e-6)
    image = FeatureScaling()
    image.adapt(np.array([[1.0], [3.0]]))
    x = np.zeros((2, 2, 2, 1), "float32")
    x[1, 0, 0] = 2
    y = ops.convert_to_numpy(image(x))
    assert not y[0].any() and y[1, 1, 1, 0] == -2


@pytest.mark.parametrize("far", [255.0, -255.0, -1e30, -np.inf])
def test_values_out_of_proportion_change_little(far):
    x = np.random.default_rng(0).normal(size=(1000, 1)).astype("float32")
    plain, robust = FeatureScaling(), FeatureScaling()
    plain.adapt(x)
    bad = x.copy()
    bad[:20] = far if np.isfinite(far) else 0
    robust.adapt(bad)
    probe = np.array([[[0.5], [-2.0]]], "float32")
    found, wanted = (ops.convert_to_numpy(layer(probe)) for layer in (robust, plain))
    np.testing.assert_allclose(found, wanted, atol=0.25)
    # Such a value is as far as the farthest that may be.
    y = ops.convert_to_numpy(robust(np.array([[[far], [1.0]]], "float32")))
    assert np.isfinite(y).all() and abs(y[0, 0, 0]) < 10


def test_constant_and_rare_features():
    x = np.ones((100, 3))
    x[:, 1], x[:2, 2] = 1e6, 50
    layer = FeatureScaling()
    layer.adapt(x)
    y = ops.convert_to_numpy(layer(x[None].astype("float32")))[0]
    assert np.isfinite(y).all() and abs(y[:, :2]).max() < 1e-5
    # What is rarely different is not cut off.
    assert y[0, 2] > 5 and abs(y[5, 2]) < 1


def test_layers_keep_the_contract():
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    check_layer(FeatureScaling, {}, {"inputs": x}, (3, 5, 2), without_gradient=(".*",))
    check_layer(LabelScaling, {}, {"inputs": x[:, 0]}, (3, 2), without_gradient=(".*",))


def test_labels_there_and_back():
    labels = np.random.default_rng(0).uniform(90, 130, size=(50, 2))
    labels[:, 1] = 7
    layer = LabelScaling()
    layer.adapt(labels)
    z = ops.convert_to_numpy(layer.scaled(labels))
    np.testing.assert_allclose(z[:, 0].mean(), 0, atol=1e-5)
    np.testing.assert_allclose(z[:, 0].std(), 1, rtol=1e-5)
    assert not z[:, 1].any()
    np.testing.assert_allclose(ops.convert_to_numpy(layer(z)), labels, rtol=1e-6)


def trained(data, make=lambda: LFLSTM(WIDTHS, **SMALL), epochs=3):
    keras.utils.set_random_seed(1)
    model = Scaled(make(), labels=True)
    model.adapt(data)
    model.compile("adam", "mae", metrics=["mae"])
    history = model.fit(data, epochs=epochs, verbose=0, shuffle=False).history
    return model, history


@pytest.mark.parametrize(
    "make",
    [
        lambda: LFLSTM(WIDTHS, **SMALL),
        # Their own losses are of labels, too.
        lambda: SelfMM(WIDTHS, num_samples=24, lstm_units=4, dim=4, unimodal_dim=4),
        lambda: MMIM(WIDTHS, lstm_units=4, encoding_dim=4, dim=4, memory_size=8),
    ],
)
def test_units_do_not_matter(make):
    (plain, before), (other, after) = (
        trained(batches(), make),
        trained(batches(10, 100, 1000), make),
    )
    # float32 rounds labels near 100 at 1e-5.
    np.testing.assert_allclose(after["loss"], before["loss"], rtol=2e-3)
    inputs = samples()[0]
    wanted = 100 + 10 * plain.predict(inputs, verbose=0)
    found = other.predict({m: 1000 * x for m, x in inputs.items()}, verbose=0)
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_metrics_are_in_the_labels_units_and_the_loss_is_not():
    model, _ = trained(batches(10, 100))
    values = model.evaluate(batches(10, 100), verbose=0, return_dict=True)
    deviation = samples()[1].std() * 10
    assert values["mae"] == pytest.approx(values["loss"] * deviation, rel=1e-4)


def test_saved_and_loaded(tmp_path):
    data = batches(10, 100, 1000)
    model, _ = trained(data, epochs=1)
    wanted = model.predict(data, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(data, verbose=0), wanted, rtol=1e-5)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = Scaled(LFLSTM(WIDTHS, **SMALL), labels=True)
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(fresh.predict(data, verbose=0), wanted, rtol=1e-5)
    # In half precision the units stay: 3,000 with a deviation of 2,000, and worse.
    half = tmp_path / "half.weights.h5"
    storage.store(tmp_path / "model.weights.h5", half, "float16")
    fresh.load_weights(half)
    storage.round_weights(model, "float16")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(fresh.label_scaling.mean),
        ops.convert_to_numpy(model.label_scaling.mean),
    )
    np.testing.assert_allclose(
        fresh.predict(data, verbose=0), model.predict(data, verbose=0), rtol=1e-6
    )


def test_padding_and_absence_change_nothing():
    model, _ = trained(batches(), epochs=1)
    inputs = {m: x[:3] for m, x in samples()[0].items()}
    wanted = model.predict(inputs, verbose=0)
    padded = {m: np.pad(x, [(0, 0), (2, 3), (0, 0)]) for m, x in inputs.items()}
    np.testing.assert_allclose(model.predict(padded, verbose=0), wanted, atol=1e-5)
    zeros = model.predict_on_batch({"text": inputs["text"], "audio": 0 * inputs["audio"]})
    absent = ops.convert_to_numpy(model({"text": inputs["text"], "audio": None}))
    np.testing.assert_allclose(absent, zeros, atol=1e-5)


def test_what_is_inside_can_be_seen():
    keras.utils.set_random_seed(0)
    inside = MICA(WIDTHS, beta=0.5, dim=4, num_heads=2, num_layers=1)
    model = Scaled(inside)
    model.adapt(batches())
    assert model.intermediates == inside.intermediates
    inputs = samples()[0]
    attention = model.extract("attention/0/audio_to_text").predict(inputs, verbose=0)
    scaled = {
        m: ops.convert_to_numpy(model.get_layer(f"{m}_feature_scaling")(inputs[m])) for m in inputs
    }
    wanted = inside.extract("attention/0/audio_to_text").predict(scaled, verbose=0)
    for name, x in wanted.items():
        np.testing.assert_allclose(attention[name], x, atol=1e-5)
    model.compile("adam", "mae")
    history = model.fit(batches(), epochs=1, verbose=0).history
    assert {"mmd", "alignment"} <= set(history)


def test_aligned_models_still_need_their_steps():
    model = Scaled(EFLSTM(WIDTHS, dim=4), labels=True)
    model.compile("adam", "mae")
    with pytest.raises(ValueError, match="aligned sequences"):
        model.fit(batches(), verbose=0)
    model.fit(batches(aligned=True), verbose=0)


def test_some_modalities_only():
    model = Scaled(LMF(WIDTHS, dim=4, rank=2), features=["audio"])
    model.adapt(batches())
    names = [layer.name for layer in model.layers]
    assert "audio_feature_scaling" in names and "text_feature_scaling" not in names
    with pytest.raises(ValueError, match="'vision'"):
        Scaled(LMF(WIDTHS, dim=4, rank=2), features=["vision"])


def test_of_many_values_some_are_measured(monkeypatch):
    from kerasfuse.models.parts import scaled

    monkeypatch.setattr(scaled, "_MOST_VALUES", 60)
    data = batches(factor=10)
    model, whole = Scaled(LFLSTM(WIDTHS, **SMALL)), Scaled(LFLSTM(WIDTHS, **SMALL))
    model.adapt(data)
    monkeypatch.undo()
    whole.adapt(data)
    found, wanted = (
        ops.convert_to_numpy(m.get_layer("text_feature_scaling").mean) for m in (model, whole)
    )
    assert not np.array_equal(found, wanted)
    np.testing.assert_allclose(found, wanted, rtol=0.3)
