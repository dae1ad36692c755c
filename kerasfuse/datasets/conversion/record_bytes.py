"""The bytes of one record: a `tf.train.Example` with arrays as bytes, as TFDS writes it.

TFDS decodes every field by way of arrays of objects. Here arrays are views of the bytes, and only
those are made that are asked for.
"""

import os

import numpy as np
from tensorflow_datasets.core import writer
from tensorflow_datasets.core.file_adapters import FileFormat
from tensorflow_datasets.proto import tf_example_pb2

# zstd, the default, makes the records of RAVDESS a seventh smaller, and takes up to twice as long
# to read and nearly three times as long to write.
_ARRAY_RECORD = "group_size:1,snappy"


def arrays(record, fields):
    """Give the arrays of a record, which cannot be written to.

    Args:
        record: bytes, or a view of them.
        fields: dict of field name to `(shape, dtype)`; `None` in a shape is the number of steps.

    Returns:
        dict of field name to array.

    Raises:
        ValueError, IndexError: for a record without such fields.
    """
    stored = tf_example_pb2.Example.FromString(record).features.feature
    found = {}
    for name, (shape, dtype) in fields.items():
        values = np.frombuffer(stored[f"features/{name}"].bytes_list.value[0], dtype)
        found[name] = values.reshape([-1 if size is None else size for size in shape])
    return found


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
