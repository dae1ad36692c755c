"""What TensorFlow makes of a SavedModel is what the model predicts."""

import numpy as np
import pytest

from kerasfuse import backend, export, zoo
from kerasfuse.models import HCTMG

pytestmark = pytest.mark.skipif(
    backend.name() != "tensorflow", reason="only tensorflow writes a SavedModel"
)
WIDTHS = {"text": 6, "audio": 5, "eeg": 4}


def batch(modalities, samples, steps):
    """Draw a batch of padded sequences; the last of three lacks a modality."""
    rng = np.random.default_rng(samples)
    arrays = {
        name: rng.normal(size=(samples, count, width)).astype("float32")
        for (name, width), count in zip(modalities.items(), steps, strict=True)
    }
    for number, x in enumerate(arrays.values()):
        if samples > 2:
            x[0, -3:] = 0
            x[1, :2] = 0
            x[2] *= number != 1
    return arrays


@pytest.mark.parametrize("name", ["dahb_mosi_utterance", "hct_mg_mosi_utterance"])
def test_an_entry_runs_without_keras(tmp_path, name):
    import tensorflow

    model = zoo.load(name)
    export.write(model, tmp_path / "model")
    served = tensorflow.saved_model.load(tmp_path / "model")
    for samples, steps in ((1, (7, 7, 7)), (3, (9, 21, 14))):
        arrays = batch(model.modalities, samples, steps)
        wanted = model.predict(arrays, verbose=0)
        np.testing.assert_allclose(served.serve(arrays).numpy(), wanted, atol=1e-4)
    with pytest.raises(FileExistsError, match="a new folder. Received: .*which exists"):
        export.write(model, tmp_path / "model")


def test_a_gate_that_still_learns(tmp_path):
    model = HCTMG(WIDTHS, dim=4, num_heads=2, num_layers=1)
    with pytest.raises(ValueError, match=r"gate that is frozen.*get_layer\('gate'\).freeze\(\)"):
        export.to_saved_model(model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
