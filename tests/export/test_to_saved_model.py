"""What TensorFlow makes of a SavedModel is what the model predicts."""

import numpy as np
import pytest

from kerasfuse import backend, export, zoo
from kerasfuse.models import HCTMG

pytestmark = pytest.mark.skipif(
    backend.name() != "tensorflow", reason="only tensorflow writes a SavedModel"
)
WIDTHS = {"text": 6, "audio": 5, "eeg": 4}


SMALL = ["mfn_ravdess"]
LARGER = [
    pytest.param(entry.name, marks=pytest.mark.exports)
    for entry in zoo.entries()
    if entry.weights.file and entry.name not in SMALL
]


def check_served(model, folder):
    """Export the model and compare what TensorFlow makes of the folder with `predict`."""
    import tensorflow

    export.write(model, folder)
    served = tensorflow.saved_model.load(folder)
    rng = np.random.default_rng(0)
    lengths = (9, 9, 9) if getattr(model, "word_aligned", False) else (9, 21, 14)
    shapes = [
        (steps, size) if isinstance(size, int) else (steps,) if size is None else tuple(size)
        for size, steps in zip(model.modalities.values(), lengths, strict=False)
    ]
    arrays = {
        # Ids of tokens, where there is no width.
        name: rng.integers(1, 1000, (3, *shape)).astype("int32")
        if model.modalities[name] is None
        else rng.normal(size=(3, *shape)).astype("float32")
        for name, shape in zip(model.modalities, shapes, strict=True)
    }
    for x in arrays.values():
        x[0, -3:] = x[1, :2] = 0
    # An absent modality.
    arrays[next(reversed(arrays))][2] = 0
    # Once: each call with other shapes makes another graph.
    wanted = model.predict(arrays, verbose=0)
    assert np.ptp(wanted) > 0.1

    def check(arrays, wanted):
        np.testing.assert_allclose(served.serve(arrays).numpy(), wanted, atol=1e-4)

    check(arrays, wanted)
    check({m: x[:1] for m, x in arrays.items()}, wanted[:1])
    # Padding changes nothing, so that other numbers of steps give the same.
    sequences = {m: x for m, x in arrays.items() if x.ndim == 3}
    padded = {m: np.pad(x, [(0, 0), (5, 1), (0, 0)]) for m, x in sequences.items()}
    check(arrays | padded, wanted)


@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_an_entry_runs_without_keras(tmp_path, name):
    model = zoo.load(name)
    check_served(model, tmp_path / "model")
    with pytest.raises(FileExistsError, match="a new folder. Received: .*which exists"):
        export.write(model, tmp_path / "model")


def test_a_frozen_gate(tmp_path):
    model = HCTMG(WIDTHS, dim=4, num_heads=2, num_layers=1)
    model.get_layer("gate").freeze()
    check_served(model, tmp_path / "model")


def test_a_gate_that_still_learns(tmp_path):
    model = HCTMG(WIDTHS, dim=4, num_heads=2, num_layers=1)
    with pytest.raises(ValueError, match=r"gate that is frozen.*get_layer\('gate'\).freeze\(\)"):
        export.to_saved_model(model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
