"""Weights are stored small, and the package stays so."""

import pathlib
import time
import zlib

import h5py
import keras
import numpy as np
import pytest

from kerasfuse import zoo
from kerasfuse.training import storage

ROOT = pathlib.Path(__file__).parents[2]
FULL = pathlib.Path("/dev/full")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_only_many_numbers_are_stored_in_half_precision(tmp_path, monkeypatch, dtype):
    file = tmp_path / "a.weights.h5"
    with h5py.File(file, "w") as made:
        # What a number takes in training counts, not what it takes here; steps are no such number.
        made.create_dataset("layers/kernel", data=np.ones(25, dtype), compression="gzip")
        made.create_dataset("steps", data=np.arange(1000))
    monkeypatch.setattr(storage, "LARGEST", 100)
    assert storage.stored_dtype(file) == "float32"
    monkeypatch.setattr(storage, "LARGEST", 99)
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


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_stored_file_is_smaller(tmp_path, dtype):
    made = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300)])
    made.save_weights(tmp_path / "a.weights.h5")
    storage.store(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", dtype)
    before, after = [(tmp_path / f"{name}.weights.h5").stat().st_size for name in "ab"]
    # Of four bytes of a weight the first, sign and exponent, compresses to half or less.
    bytes_a_weight = {"float32": 3.5, "float16": 2}[dtype]
    assert after < 300 * 301 * bytes_a_weight < before


def test_the_same_weights_make_the_same_file_at_any_time(tmp_path):
    made = model()
    made.save_weights(tmp_path / "a.weights.h5")
    storage.store(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", "float32")
    time.sleep(1.1)  # HDF5 keeps times in seconds.
    made.save_weights(tmp_path / "a.weights.h5")
    storage.store(tmp_path / "a.weights.h5", tmp_path / "c.weights.h5", "float32")
    first, second = [(tmp_path / f"{name}.weights.h5").read_bytes() for name in "bc"]
    assert first == second


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_an_error(tmp_path):
    model().save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(OSError, match="No space left"):
        storage.store(tmp_path / "a.weights.h5", FULL, "float32")


def test_every_number_of_every_shape_survives_compression(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "none": np.zeros((0, 7), "float32"),
        "one": np.array(np.pi, "float32"),
        "small": rng.normal(size=(3,)).astype("float32"),
        "deep": rng.normal(size=(20, 3, 5, 9)).astype("float32"),
        "odd": np.tile([3.4e38, -3.4e38, 1e-38, -0.0, 1e-45], 500).astype("float32"),
        "steps": rng.integers(-(2**62), 2**62, size=(600,)),
    }
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in arrays.items():
            file.create_dataset(f"layers/{name}", data=array)
    storage.store(tmp_path / "a.h5", tmp_path / "b.h5", "float32")
    storage.store(tmp_path / "b.h5", tmp_path / "c.h5", "float32")
    for copy in "bc":
        with h5py.File(tmp_path / f"{copy}.h5") as file:
            assert set(file["layers"]) == set(arrays)
            for name, array in arrays.items():
                stored = file["layers"][name][()]
                assert (stored.dtype, stored.shape) == (array.dtype, array.shape)
                assert stored.tobytes() == array.tobytes()


def test_what_half_precision_does_not_reach_is_refused(tmp_path):
    made = model()
    made.layers[0].bias.assign([0, 1e5, 0, 0])
    made.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="float16 can hold.*100000"):
        storage.store(tmp_path / "a.weights.h5", tmp_path / "b.weights.h5", "float16")
    with pytest.raises(ValueError, match="float16 can hold.*bias with 100000"):
        storage.round_weights(made, "float16")


def arrays_of(path):
    """Return the dtype and the number of values of every array of floating numbers."""
    found = []

    def look(name, item):
        if isinstance(item, h5py.Dataset) and np.issubdtype(item.dtype, np.floating):
            found.append((str(item.dtype), item.size))

    with h5py.File(path) as file:
        file.visititems(look)
    return found


def test_large_files_of_the_zoo_are_in_half_precision():
    files = sorted(zoo.folder().glob("*.weights.h5"))
    assert files
    for file in files:
        arrays = arrays_of(file)
        if 4 * sum(size for _, size in arrays) > storage.LARGEST:
            remedy = f"kerasfuse evaluate {file.name.split('.')[0]} --record"
            assert {dtype for dtype, _ in arrays} == {"float16"}, remedy


def test_what_the_wheel_holds_is_under_60_megabytes():
    # A wheel is deflated; `make wheel-check` asks the same of the wheel itself.
    held = [*(ROOT / "kerasfuse").rglob("*.py"), *(ROOT / "zoo").iterdir()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in held) < 60e6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_weights_that_are_not_finite_are_not_stored(tmp_path, value, dtype):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("layers/kernel", data=np.array([1.0, value], "float32"))
    with pytest.raises(ValueError, match="weights that are finite. Received: /layers/kernel"):
        storage.store(tmp_path / "a.h5", tmp_path / "b.h5", dtype)
    assert not (tmp_path / "b.h5").exists()
