"""ONNX: a file that ONNX Runtime, and many others, run."""

import os

import keras
from keras import ops

from kerasfuse import atomic
from kerasfuse.export.checks import check_backend, check_model, check_not_recurrent
from kerasfuse.optional_packages import require


def to_onnx(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write a model as ONNX, for any number of samples and of steps.

    Inputs are those of the model, by name, float32 `(batch, steps, width)`; padded steps are zeros,
    as ever, and so is an absent modality, of which one step is enough. The output, `scores`, is
    `(batch, num_outputs)`, raw scores. Needs the extra `export`.

    Args:
        model: a model of kerasfuse on the torch backend, its weights loaded.
        path: the file to write.

    Raises:
        ImportError: without the package onnx.
        ValueError: on another backend, for a recurrent model (take `to_saved_model`), a modality
            gate that is not frozen, and an operation that ONNX does not have.

    Example:

    >>> kerasfuse.export.to_onnx(kerasfuse.zoo.load("mult_ravdess"), "mult.onnx")
    >>> session = onnxruntime.InferenceSession("mult.onnx")
    >>> scores, = session.run(["scores"], {"text": text, "audio": audio, "vision": vision})
    """
    check_backend("torch", "ONNX")
    check_model(model)
    check_not_recurrent(model)
    require("onnx", "models in ONNX", "export")
    from kerasfuse.backend import torch_onnx

    samples, dimensions = {}, {}
    for number, (name, x) in enumerate(model.input.items()):
        # Different numbers of steps, but for a model that wants them alike.
        steps = 3 if getattr(model, "word_aligned", False) else 3 + number
        shape = [2, *(steps if size is None else size for size in x.shape[1:])]
        samples[name] = ops.ones(shape, x.dtype)
        dimensions[name] = {0: "batch"} | ({1: f"{name}_steps"} if x.shape[1] is None else {})
    with atomic.replacing(path) as temporary:
        try:
            torch_onnx.export(model, samples, temporary, dimensions)
        except RuntimeError as error:
            raise ValueError(
                "expected a model of operations that PyTorch can write as ONNX. Received: "
                f"{model.name!r} ({str(error).splitlines()[0]}). A SavedModel may do: "
                "KERAS_BACKEND=tensorflow, and a path without a suffix."
            ) from error
