"""Files of numpy: plain arrays, and a few words on everything else."""

import io
import zipfile

import numpy as np
import pytest

from kerasfuse.datasets.formats import numpy_files
from kerasfuse.datasets.formats.idx import read_idx


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.npy"


def npy(shape, dtype="<f8", end=", }"):
    """A header of a `.npy` file that says whatever is given, and no values."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}{end}"
    data = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


def test_an_array_is_loaded_and_mapped(path):
    np.save(path, np.arange(6.0).reshape(2, 3))
    for mode in (None, "r"):
        np.testing.assert_array_equal(
            numpy_files.load_array(path, mode), np.arange(6.0).reshape(2, 3)
        )


def test_arrays_are_loaded_by_name(path):
    with open(path, "wb") as file:
        np.savez_compressed(file, a=np.ones(3), b=np.zeros((1000, 100)))
    got = numpy_files.load_arrays(path)
    assert list(got) == ["a", "b"] and got["b"].shape == (1000, 100)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (npy("(3", end=""), "a damaged header"),
        (npy("(10**12,)"), "a damaged header"),
        (npy("(((((((((("), "a damaged header"),
        (npy("(2,)"), "could only read 0 elements"),
        (npy("(1,)", "|O"), "no array of numbers"),
        # What a system promises of memory that it does not have differs.
        (npy("(999999999999,)"), "than fits into memory|could only read 0 elements"),
        (b"", "No data left"),
        (b"no", "no array of numbers"),
        (b"PK\x03\x04no", "not a zip file"),
    ],
)
def test_what_is_no_array_is_told(path, data, told):
    path.write_bytes(data)
    for load in (numpy_files.load_array, numpy_files.load_arrays):
        with pytest.raises(ValueError, match=told):
            load(path)


def test_an_archive_that_becomes_a_thousand_times_its_size_is_refused(path):
    with open(path, "wb") as file:
        np.savez_compressed(file, a=np.zeros(2**24))
    with pytest.raises(ValueError, match="bytes that become 134,2"):
        numpy_files.load_arrays(path)


def test_an_archive_of_something_else_is_told(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(ValueError, match="'a.txt' is no array"):
        numpy_files.load_arrays(path)
    with pytest.raises(ValueError, match="an archive of arrays"):
        numpy_files.load_array(path)


def test_an_idx_file_that_becomes_a_thousand_times_its_size_is_refused(tmp_path):
    import gzip

    path, raw = tmp_path / "a.gz", io.BytesIO()
    with gzip.open(raw, "wb") as file:
        file.write(b"\0\0\x08\x01\x08\0\0\0" + bytes(2**27))
    path.write_bytes(raw.getvalue())
    with pytest.raises(ValueError, match="expected a gzip file.*bytes become more than"):
        read_idx(path, 1)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\x08\x03\0\0\0\x01\0", bytes(15)])
def test_an_idx_file_without_its_header_is_told(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="expected an idx file of bytes with 3 axes"):
        read_idx(tmp_path / "a", 3)
