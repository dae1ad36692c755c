"""The format of an exported model, by the name of its file."""

import os
import pathlib

import keras

from kerasfuse import atomic
from kerasfuse.export.to_onnx import to_onnx
from kerasfuse.export.to_saved_model import to_saved_model

_FORMATS = {".onnx": to_onnx, "": to_saved_model}


def write(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Export a model in the format that the path asks for.

    Args:
        model: a model of kerasfuse, its weights loaded.
        path: a file that ends in `.onnx`, or a new folder, with no suffix, for a SavedModel.

    Raises:
        ValueError: for another suffix, and what `to_onnx` and `to_saved_model` raise.

    Example:

    >>> kerasfuse.export.write(kerasfuse.zoo.load("mult_ravdess"), "mult.onnx")
    """
    check_path(path)
    _FORMATS[pathlib.Path(path).suffix](model, path)


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work, a path that cannot be written.

    Raises:
        ValueError: for a suffix that no format has.
        OSError: for a file that cannot be written.
    """
    if pathlib.Path(path).suffix not in _FORMATS:
        raise ValueError(
            "expected a file that ends in .onnx, or the name of a new folder, without a suffix, "
            f"for a SavedModel of TensorFlow. Received: path={str(path)!r}."
        )
    if pathlib.Path(path).suffix:
        atomic.check_file(path)
