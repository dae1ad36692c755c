"""Records are read as protobuf reads them, and what is no record is refused."""

import numpy as np
import pytest

pytest.importorskip("tensorflow_datasets")
from tensorflow_datasets.proto import tf_example_pb2

from kerasfuse.datasets.conversion import record_bytes

RNG = np.random.default_rng(0)
ARRAYS = {
    "text": RNG.normal(size=(3, 4)).astype("float32"),
    "ids": np.arange(200, dtype="int32"),
    "none": np.zeros((0, 5), "float32"),
    "large": RNG.normal(size=(70, 300)).astype("float32"),
}
FIELDS = {
    "text": ([None, 4], "float32"),
    "ids": ([None], "int32"),
    "none": ([None, 5], "float32"),
    "large": ([None, 300], "float32"),
}


def record(**other):
    example = tf_example_pb2.Example()
    for name, x in ARRAYS.items():
        example.features.feature[f"features/{name}"].bytes_list.value.append(x.tobytes())
    example.features.feature["id"].bytes_list.value.append("clip \u00fc".encode())
    example.features.feature["label"].float_list.value.extend([1.0, 2.0])
    for name, values in other.items():
        example.features.feature[f"features/{name}"].bytes_list.value.extend(values)
    return example.SerializeToString()


def test_arrays_are_those_that_were_written():
    # Arrow gives signed bytes.
    found = record_bytes.arrays(memoryview(record()).cast("b"), FIELDS)
    assert list(found) == list(FIELDS)
    for name, x in ARRAYS.items():
        np.testing.assert_array_equal(found[name], x)
        assert found[name].dtype == x.dtype and not found[name].flags.writeable


def test_a_record_cut_off_anywhere_is_refused():
    whole = record()
    for end in [*range(60), *range(60, len(whole), 997), len(whole) - 1]:
        with pytest.raises((ValueError, KeyError, IndexError)):
            record_bytes.arrays(whole[:end], FIELDS)


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x80" * 1000,  # a number that does not end
        b"\x0a" + b"\xff" * 9 + b"\x01",  # longer than the record
        b"\x08\x01",  # a number where a message is expected
        record(text=[b"one", b"more"]),
    ],
)
def test_what_is_no_record_is_refused(damaged):
    with pytest.raises((ValueError, KeyError, IndexError)):
        record_bytes.arrays(damaged, FIELDS)


def test_a_field_without_values_is_refused():
    with pytest.raises(ValueError):
        record_bytes.arrays(record(label=[]), {"label": ([1], "float32")})
