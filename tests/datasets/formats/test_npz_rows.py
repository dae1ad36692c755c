"""Arrays of archives, a row at a time."""

import zipfile

import numpy as np
import pytest

from kerasfuse.datasets.formats.npz_rows import open_arrays


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_those_of_the_array_in_any_order(path, save, order):
    x = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(">f4", order=order)
    save(path, x=x, names=np.array(["a", "bc"]))
    rows = open_arrays(path)
    assert list(rows) == ["x", "names"] and len(rows["x"]) == 5
    assert (rows["x"].shape, rows["x"].ndim, rows["x"].dtype) == ((5, 3, 2), 3, np.dtype(">f4"))
    for i in (0, 1, 4, 2):
        np.testing.assert_array_equal(rows["x"][i], x[i])
    np.testing.assert_array_equal(rows["x"].read(), x)
    assert rows["names"].read().tolist() == ["a", "bc"]


def test_a_row_is_read_without_the_others(path, monkeypatch):
    np.savez(path, x=np.arange(8000.0).reshape(10, 800))
    read = []
    stream_read = zipfile.ZipExtFile.read

    def counted(self, n=-1):
        found = stream_read(self, n)
        read.append(len(found))
        return found

    rows = open_arrays(path)["x"]
    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    assert rows[0][0] == 0
    assert sum(read) < 2 * 6400


@pytest.mark.parametrize(
    ("member", "content", "told"),
    [
        ("a.txt", b"text", "'a.txt' is no array"),
        ("a.npy", b"text", "magic|damaged header"),
        ("a.npy", b"\x93NUMPY\x03\x00", "unknown version"),
    ],
)
def test_what_is_no_array_is_told(path, member, content, told):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    with pytest.raises(ValueError, match=told):
        open_arrays(path)


def test_objects_are_refused_before_they_are_read(path):
    np.savez(path, a=np.array([{}, {}], object))
    with pytest.raises(ValueError, match="no array of numbers"):
        open_arrays(path)


def test_other_files_and_arrays_that_break_off_are_told(path):
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no archive"):
        open_arrays(path)
    np.save(path.with_suffix(".npy"), np.arange(9.0))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", path.with_suffix(".npy").read_bytes()[:-8])
    with pytest.raises(ValueError, match="192 bytes and declares 200"):
        open_arrays(path)


def test_damage_within_the_values_is_told(path):
    np.savez(path, x=np.arange(8000.0).reshape(10, 800))
    data = bytearray(path.read_bytes())
    data[40000] ^= 255
    path.write_bytes(data)
    rows = open_arrays(path)["x"]
    with pytest.raises(ValueError, match="Bad CRC"):
        [rows[i] for i in range(10)]
