"""What ONNX Runtime makes of an exported model is what the model predicts."""

import keras
import numpy as np
import pytest

from kerasfuse import backend, export, zoo
from kerasfuse.models import HCTMG, LFLSTM, MulT

on_torch = pytest.mark.skipif(backend.name() != "torch", reason="only torch writes ONNX")
WIDTHS = {"text": 6, "audio": 5, "eeg": 4}
ONE_AFTER_THE_OTHER = "one node after the other .*KERAS_BACKEND=tensorflow"

# The larger ones take 40 s together.
SMALL = ("dahb_mosi_utterance", "mica_ravdess", "joint_late_av_mnist")
LARGER = ("mica_mosei", "mica_mosi_utterance", "mica_simulated", "mult_mosi_utterance")
LARGER += ("dahb_ravdess", "mult_ravdess", "dahb_frozen_mosi_words", "linear_mosi_words")
LARGER += ("mica_clock", "mica_mosi_words", "mult_mosi_words", "text_mosi_words", "dahb_mosi_words")
LARGER += ("mult_ravdess_speech", "mica_ravdess_speech", "agm_late_ravdess_speech")
LARGER += tuple(
    entry.name
    for pattern in ("*_av_mnist", "agm_*_ravdess")
    for entry in zoo.entries(pattern)
    if entry.weights.file and entry.name not in SMALL
)
# The rest is recurrent; see test_to_saved_model.py.
RECURRENT = sorted(
    {entry.name for entry in zoo.entries() if entry.weights.file} - {*SMALL, *LARGER}
)


def batch(modalities, samples, steps):
    """Draw a batch, padded on both sides where there is room; the last of three lacks a modality.

    Args:
        modalities: dict of name to width, or to the shape of an image.
        samples: how many.
        steps: numbers of steps, one a modality.
    """
    rng = np.random.default_rng(samples)
    shapes = [
        (count, size) if isinstance(size, int) else (count,) if size is None else tuple(size)
        for size, count in zip(modalities.values(), steps[: len(modalities)], strict=True)
    ]
    arrays = {
        # Ids of tokens, which are no numbers to be computed with, where there is no width.
        name: rng.integers(1, 1000, (samples, *shape)).astype("int32")
        if modalities[name] is None
        else rng.normal(size=(samples, *shape)).astype("float32")
        for name, shape in zip(modalities, shapes, strict=True)
    }
    for number, x in enumerate(arrays.values()):
        if x.shape[1] > 3:
            x[0, -3:] = 0
            x[-1, :2] = 0
        if samples > 2 and number == 1:
            x[-1] = 0
    return arrays


def check_exported(model, path):
    """Compare both on batches of other sizes and lengths than the one that was traced."""
    onnxruntime = pytest.importorskip("onnxruntime")
    export.to_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    assert {x.name for x in session.get_inputs()} == set(model.modalities)
    assert [x.name for x in session.get_outputs()] == ["scores"]
    for samples, steps in ((1, (7, 7, 7)), (3, (9, 21, 14)), (2, (1, 1, 5))):
        arrays = batch(model.modalities, samples, steps)
        (scores,) = session.run(["scores"], arrays)
        wanted = model.predict(arrays, verbose=0)
        np.testing.assert_allclose(scores, wanted, atol=1e-4)
        # That much is more than a constant would pass.
        assert np.ptp(wanted) > 0 or samples == 1


@on_torch
@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.exports) for name in LARGER)]
)
def test_an_entry_runs_without_keras(tmp_path, name):
    check_exported(zoo.load(name), tmp_path / "model.onnx")


@on_torch
def test_a_model_that_drops_attention(tmp_path):
    model = MulT(WIDTHS, dim=8, num_heads=2, num_layers=1, attention_dropout=0.1)
    check_exported(model, tmp_path / "model.onnx")


# What is refused, and leaves nothing behind.


def small_hct_mg():
    return HCTMG(WIDTHS, dim=4, num_heads=2, num_layers=1)


@on_torch
def test_a_recurrent_model(tmp_path):
    gated = small_hct_mg()
    gated.get_layer("gate").freeze()
    for model in (gated, LFLSTM(WIDTHS)):
        with pytest.raises(ValueError, match=ONE_AFTER_THE_OTHER):
            export.to_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@on_torch
@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_entry(tmp_path, name):
    with pytest.raises(ValueError, match=ONE_AFTER_THE_OTHER):
        export.to_onnx(zoo.load(name), tmp_path / "model.onnx")


@on_torch
def test_a_gate_that_still_learns(tmp_path):
    with pytest.raises(ValueError, match=r"gate that is frozen.*get_layer\('gate'\).freeze\(\)"):
        export.to_onnx(small_hct_mg(), tmp_path / "model.onnx")


@on_torch
def test_a_model_of_another_kind(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="an input for each modality. Received: Sequential"):
        export.to_onnx(model, tmp_path / "model.onnx")


@on_torch
def test_an_operation_that_is_not_written(tmp_path):
    class Odd(keras.layers.Layer):
        def call(self, x):
            return keras.ops.slogdet(x[:, :3, :3])[1][:, None]

    inputs = {m: keras.Input((None, 4), name=m) for m in ("a", "b")}
    model = keras.Model(inputs, Odd()(inputs["a"]) + Odd()(inputs["b"]))
    with pytest.raises(ValueError, match="operations that PyTorch can write as ONNX. Received"):
        export.to_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@on_torch
def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    model = MulT(WIDTHS, dim=8, num_heads=2, num_layers=1)
    with pytest.raises(ImportError, match=r"pip install 'kerasfuse-zoo\[export\]'"):
        export.to_onnx(model, tmp_path / "model.onnx")


@on_torch
def test_the_other_backends(tmp_path):
    model = MulT(WIDTHS, dim=8, num_heads=2, num_layers=1)
    with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow: weights are the same"):
        export.to_saved_model(model, tmp_path / "model")


@pytest.mark.skipif(backend.name() == "torch", reason="torch does")
def test_only_torch_writes_onnx(tmp_path):
    model = MulT(WIDTHS, dim=8, num_heads=2, num_layers=1)
    with pytest.raises(ValueError, match="KERAS_BACKEND=torch: weights are the same"):
        export.to_onnx(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["model.tflite", "model.pt2", "model.keras"])
def test_a_format_that_is_not_known(tmp_path, name):
    with pytest.raises(ValueError, match=f"ends in .onnx, or .* SavedModel.*Received.*{name}"):
        export.write(None, tmp_path / name)
