"""SavedModel: a folder that TensorFlow, and what serves its models, run."""

import os
import pathlib
import secrets
import shutil

import keras

from kerasfuse.export.checks import check_backend, check_model


def to_saved_model(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write a model as a SavedModel of TensorFlow, for any number of samples and of steps.

    Its endpoint `serve` takes a dict of modality name to float32 `(batch, steps, width)`; padded
    steps are zeros, as ever, and so is an absent modality, of which one step is enough. It returns
    `(batch, num_outputs)`, raw scores.

    Args:
        model: a model of kerasfuse on the tensorflow backend, its weights loaded.
        path: the folder to make.

    Raises:
        ValueError: on another backend, and for a modality gate that is not frozen.
        FileExistsError: when the folder is there already.

    Example:

    >>> kerasfuse.export.to_saved_model(kerasfuse.zoo.load("hct_mg_mosi_utterance"), "hct_mg")
    >>> served = tensorflow.saved_model.load("hct_mg")
    >>> scores = served.serve({"text": text, "audio": audio, "vision": vision})
    """
    check_backend("tensorflow", "a SavedModel")
    check_model(model)
    path = pathlib.Path(path)
    if path.exists():
        raise FileExistsError(
            f"expected the name of a new folder. Received: path={str(path)!r}, which exists."
        )
    # Named here: Keras asks a model that nobody called yet in vain.
    signature = {
        name: keras.layers.InputSpec(shape=x.shape, dtype=x.dtype, name=name)
        for name, x in model.input.items()
    }
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        model.export(temporary, format="tf_saved_model", input_signature=[signature], verbose=False)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
