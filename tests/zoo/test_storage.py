"""Weights are stored small, and the package stays so."""

import pathlib

import h5py
import keras
import numpy as np
import pytest

from kerasfuse import zoo
from kerasfuse.zoo import storage

ROOT = pathlib.Path(__file__).parents[2]


def test_only_a_large_file_is_stored_in_half_precision(tmp_path, monkeypatch):
    file = tmp_path / "a.weights.h5"
    file.write_bytes(bytes(100))
    monkeypatch.setattr(storage, "LARGEST", 100)
    assert storage.stored_dtype(file) == "float32"
    file.write_bytes(bytes(101))
    assert storage.stored_dtype(file) == "float16"


def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization()]
    return keras.Sequential([keras.Input((3,)), *layers])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_stored_file_loads_as_the_rounded_model(tmp_path, dtype):
    made, loaded = model(), model()
    made.layers[0].bias.assign([1 + 2.0**-12, -2, 1e-3, 65000])
    made.save_weights(tmp_path / "a.weights.h5")
    storage.store(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", dtype)
    loaded.load_weights(tmp_path / "b.weights.h5")
    for one, other in zip(made.get_weights(), loaded.get_weights(), strict=True):
        wanted = one.astype(dtype).astype(one.dtype) if one.dtype == "float32" else one
        np.testing.assert_array_equal(other, wanted)
    storage.round_weights(made, dtype)
    for one, other in zip(made.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_whole_numbers_and_attributes_stay_as_they_are(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("a").create_dataset("b", data=np.array([2**24 + 1], "int32"))
        file["a"].attrs["name"] = "one"
        file["a/b"].attrs["name"] = "two"
    storage.store(tmp_path / "a.h5", tmp_path / "b.h5", "float16")
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["a/b"].dtype == "int32" and file["a/b"][0] == 2**24 + 1
        assert (file["a"].attrs["name"], file["a/b"].attrs["name"]) == ("one", "two")


def test_half_precision_halves_the_numbers(tmp_path):
    made = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300)])
    made.save_weights(tmp_path / "a.weights.h5")
    storage.store(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", "float16")
    sizes = [(tmp_path / f"{name}.weights.h5").stat().st_size for name in "ab"]
    assert 300 * 301 * 2 <= sizes[0] - sizes[1] < 300 * 301 * 2 + 2000


def test_what_half_precision_does_not_reach_is_refused(tmp_path):
    made = model()
    made.layers[0].bias.assign([0, 1e5, 0, 0])
    made.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="float16 can hold.*100000"):
        storage.store(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", "float16")
    with pytest.raises(ValueError, match="float16 can hold.*bias with 100000"):
        storage.round_weights(made, "float16")


def floats(path):
    found = set()

    def look(name, item):
        if isinstance(item, h5py.Dataset) and np.issubdtype(item.dtype, np.floating):
            found.add(str(item.dtype))

    with h5py.File(path) as file:
        file.visititems(look)
    return found


def test_large_files_of_the_zoo_are_in_half_precision():
    files = sorted(zoo.folder().glob("*.weights.h5"))
    assert files
    for file in files:
        if file.stat().st_size > storage.LARGEST:
            assert floats(file) == {"float16"}, f"kerasfuse evaluate {file.stem} --record"


def test_what_the_wheel_holds_is_under_60_megabytes():
    held = [*(ROOT / "kerasfuse").rglob("*.py"), *(ROOT / "zoo").iterdir()]
    assert sum(path.stat().st_size for path in held) < 60e6
