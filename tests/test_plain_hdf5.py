"""HDF5 files of others: plain ones are read whatever their compression, others in tests/hostile."""

import h5py
import numpy as np
import pytest

from kerasfuse import plain_hdf5


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"chunks": (7, 3)},
        {"chunks": (7, 3), "maxshape": (None, 3)},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i1", "u8", "?"])
def test_arrays_of_numbers_are_read(path, how, dtype):
    x = (10 * noise(50, 3)).astype(dtype)
    with h5py.File(path, "w") as file:
        file.create_dataset("a/b", data=x, **how)
    with plain_hdf5.open_file(path) as file:
        assert plain_hdf5.names(file) == ["a/b"]
        np.testing.assert_array_equal(plain_hdf5.read(file, "a/b"), x)
        found = plain_hdf5.dataset(file["a"], "b")
        np.testing.assert_array_equal(plain_hdf5.read_part(found, slice(3, 5)), x[3:5])


@pytest.mark.parametrize("dtype", [h5py.string_dtype(), "S9"])
def test_texts_are_read_where_they_are_wanted(path, dtype):
    words = np.array([[f"word {i}".encode()] for i in range(1000)], dtype="S9")
    with h5py.File(path, "w") as file:
        kept = words if dtype == "S9" else words.astype(object)
        file.create_dataset("x", data=kept, dtype=dtype)
    with plain_hdf5.open_file(path) as file:
        got = plain_hdf5.read(file, "x", plain_hdf5.NUMBERS + plain_hdf5.TEXTS)
        assert got.tolist() == words.tolist()
        with pytest.raises(ValueError, match="expected numbers at '/x' in .* another kind"):
            plain_hdf5.read(file, "x")


def test_a_large_chunk_that_is_honest_is_read(path):
    # As the zoo stores weights: one chunk an array. It is inflated once to see how far it goes.
    x = noise(400, 700).astype("f4")
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", data=x, chunks=x.shape, compression="gzip")
        assert made.id.get_storage_size() * 1032 > 2**28
    with plain_hdf5.open_file(path) as file:
        np.testing.assert_array_equal(plain_hdf5.read(file, "x"), x)


def test_padding_may_be_compressed(path):
    x = np.zeros((3000, 500, 20), "f4")
    x[:, :30] = noise(3000, 30, 20)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=x, chunks=(10, 500, 20), compression="gzip")
    with plain_hdf5.open_file(path) as file:
        np.testing.assert_array_equal(plain_hdf5.read(file, "x"), x)


def test_a_dataset_in_two_places_is_read_in_both(path):
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
        file["y"] = file["x"]
    with plain_hdf5.open_file(path) as file:
        assert plain_hdf5.names(file) == ["x", "y"]


@pytest.mark.parametrize("shape", [(), (0,), (0, 5)])
def test_small_and_empty_arrays_are_read(path, shape):
    with h5py.File(path, "w") as file:
        file["x"] = np.ones(shape)
    with plain_hdf5.open_file(path) as file:
        assert plain_hdf5.read(file, "x").shape == shape


def test_what_was_never_written_is_refused(path):
    # HDF5 gives zeros, which are nobody's features.
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (5, 5))
    with plain_hdf5.open_file(path) as file:
        with pytest.raises(ValueError, match=r"Received: shape \(5, 5\), 100 bytes, of which 0"):
            plain_hdf5.read(file, "x")


@pytest.mark.parametrize("name", ["y", "x/y"])
def test_what_is_not_there_is_told(path, name):
    with h5py.File(path, "w") as file:
        file["x"] = [1.0]
    with plain_hdf5.open_file(path) as file:
        with pytest.raises(ValueError, match="expected .*Received: .*a.h5"):
            plain_hdf5.read(file, name)
