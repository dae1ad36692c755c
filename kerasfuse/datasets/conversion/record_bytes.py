"""The bytes of one record: a `tf.train.Example` with arrays as bytes, as TFDS writes it.

TFDS decodes every field by way of arrays of objects, and protobuf copies each array twice. Here
arrays are views of the bytes, and only those are made that are asked for.
"""

import os

import numpy as np
from tensorflow_datasets.core import writer
from tensorflow_datasets.core.file_adapters import FileFormat

# zstd, the default, makes the records of RAVDESS a seventh smaller, and takes up to twice as long
# to read and nearly three times as long to write.
_ARRAY_RECORD = "group_size:1,snappy"

# Of protobuf's wire format: the kind of field that begins with its length, and the bytes that a
# number takes at most. Of `tf.train.Example`: the numbers of fields.
_WITH_LENGTH, _VARINT_BYTES = 2, 10
_KEY, _VALUE, _BYTES_LIST = 1, 2, 1


def arrays(record, fields):
    """Give the arrays of a record, which cannot be written to.

    Args:
        record: bytes, or a view of them.
        fields: dict of field name to `(shape, dtype)`; `None` in a shape is the number of steps.

    Returns:
        dict of field name to array.

    Raises:
        ValueError, KeyError, IndexError: for a record without such fields.
    """
    found = {}
    for _, features in _parts(memoryview(record).cast("B")):
        for _, feature in _parts(features):
            named = dict(_parts(feature))
            found[bytes(named[_KEY]).decode()] = named[_VALUE]
    return {
        name: _array(found[f"features/{name}"], shape, dtype)
        for name, (shape, dtype) in fields.items()
    }


def _array(feature, shape, dtype):
    ((kind, listed),) = _parts(feature)
    if kind != _BYTES_LIST:
        raise ValueError(f"a list of kind {kind} in place of bytes")
    ((_, value),) = _parts(listed)
    values = np.frombuffer(value, dtype)
    return values.reshape([-1 if size is None else size for size in shape])


def _parts(message):
    """Give the number and the bytes of each field of a message, all of which say their length."""
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place)
        size, place = _varint(message, place)
        if tag & 7 != _WITH_LENGTH or size > end - place:
            raise ValueError(f"a field of kind {tag & 7} and {size} bytes, where {end - place} are")
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message, place):
    value = 0
    for i in range(_VARINT_BYTES):
        byte = message[place + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, place + i + 1
    raise ValueError("a number that does not end")


def write(path, records, file_format):
    """Write records into one file.

    Args:
        path: the file.
        records: iterable of bytes.
        file_format: `tfds.core.FileFormat`.
    """
    if file_format is not FileFormat.ARRAY_RECORD:
        writer.ExampleWriter(file_format).write(path, enumerate(records))
        return
    # Not on every system.
    from array_record.python import array_record_module

    opened = array_record_module.ArrayRecordWriter(os.fspath(path), _ARRAY_RECORD)
    for record in records:
        opened.write(record)
    opened.close()
