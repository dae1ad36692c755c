"""Files of weights: finite numbers in a plain file are loaded, and nothing else."""

import h5py
import keras
import numpy as np
import pytest
import tiny_zoo

from kerasfuse import models, zoo
from kerasfuse.entries import weight_files


@pytest.fixture
def path(tmp_path, monkeypatch):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo")
    path = tmp_path / "own.weights.h5"
    zoo.load(tiny_zoo.NAME, weights=None).save_weights(path)
    return path


def names(path):
    """The arrays of a file, by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, x: found.update({name: x[()]}) if isinstance(x, h5py.Dataset) else None
        )
    return found


def change(path, name, value):
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = value


def test_finite_weights_are_loaded_as_they_are(path):
    loaded = zoo.load(tiny_zoo.NAME, weights=path)
    got = {x.shape: x.numpy() for x in loaded.weights}
    for x in names(path).values():
        assert x.shape in got
    np.testing.assert_array_equal(
        np.sort(np.concatenate([np.ravel(x.numpy()) for x in loaded.weights])),
        np.sort(np.concatenate([x.ravel() for x in names(path).values()])),
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.nan, "1 NaN and 0 infinite of"),
        (-np.inf, "0 NaN and 1 infinite of"),
    ],
)
def test_weights_that_are_not_finite_are_named(path, value, told):
    name, x = next((n, x) for n, x in names(path).items() if x.dtype.kind == "f" and x.ndim == 2)
    x[0, 0] = value
    change(path, name, x)
    for load in (zoo.load, models.LMF.from_preset, models.FusionModel.from_preset):
        with pytest.raises(
            ValueError, match=f"finite numbers.*own.weights.h5' with '{name}'.*{told}"
        ):
            load(tiny_zoo.NAME, weights=path)


def test_complex_weights_are_named(path):
    name, x = next((n, x) for n, x in names(path).items() if x.dtype.kind == "f")
    change(path, name, x.astype("complex64"))
    with pytest.raises(ValueError, match=f"'{name}' .complex numbers"):
        zoo.load(tiny_zoo.NAME, weights=path)


def test_three_of_many_are_named(path):
    count = 0
    for name, x in names(path).items():
        if x.dtype.kind == "f":
            change(path, name, np.full_like(x, np.nan))
            count += 1
    assert count > 3
    with pytest.raises(ValueError, match=f" and {count - 3} more. Such a model"):
        zoo.load(tiny_zoo.NAME, weights=path)


def test_weights_of_an_entry_are_looked_at_too(path, tmp_path, monkeypatch):
    from kerasfuse.checksum import sha256

    name, x = next((n, x) for n, x in names(path).items() if x.dtype.kind == "f")
    change(path, name, np.full_like(x, np.nan))
    shipped = path.rename(tmp_path / "zoo" / "tiny_simulated.weights.h5")
    zoo.write(tiny_zoo.NAME, weights={"file": shipped.name, "sha256": sha256(shipped), "seed": 1})
    with pytest.raises(ValueError, match="weights that are finite numbers"):
        zoo.load(tiny_zoo.NAME)


@pytest.mark.parametrize("value", [1.5, np.nan])
def test_sixteen_bits_of_another_kind(tmp_path, value):
    keras.config.set_dtype_policy("bfloat16")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.layers[0].bias.assign([1.0, value])
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    if np.isfinite(value):
        weight_files.check(path)
        return
    with pytest.raises(ValueError, match="'layers/dense/vars/1' .1 of 2 values are NaN or infin"):
        weight_files.check(path)


@pytest.mark.parametrize("content", [b"", b"no", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_what_is_no_file_of_weights_is_told(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected weights in HDF5. Received: .*own.weights.h5"):
        zoo.load(tiny_zoo.NAME, weights=path)


def test_weights_that_do_not_fit_are_told(path):
    name, x = next((n, x) for n, x in names(path).items() if x.ndim == 2)
    change(path, name, x[:, :1])
    with pytest.raises(ValueError, match="which do not fit it"):
        zoo.load(tiny_zoo.NAME, weights=path)
