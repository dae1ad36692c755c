"""What a trained model said of every test sample, kept beside its weights."""

import pathlib
from typing import NamedTuple

import numpy as np

from kerasfuse import atomic
from kerasfuse.shown import shortened

FILE = "predictions.npz"


class Predictions(NamedTuple):
    """Hold raw outputs `(samples, outputs)` beside labels `(samples, ...)` and ids, in order."""

    ids: list
    labels: np.ndarray
    outputs: np.ndarray


def keep_predictions(folder, model, test):
    """Write what a model says of the test split into a folder, whole or not at all."""
    outputs = np.asarray(model.predict(test, verbose=0), "float32")
    with atomic.replacing(pathlib.Path(folder, FILE)) as temporary:
        np.savez_compressed(temporary, ids=test.ids, labels=test.labels, outputs=outputs)


def read_predictions(folder):
    """Read what `keep_predictions` wrote; `None` where nothing was kept, as before there was it."""
    path = pathlib.Path(folder, FILE)
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as kept:
            return Predictions(kept["ids"].tolist(), kept["labels"], kept["outputs"])
    except Exception as error:  # of a damaged archive numpy and zipfile raise almost anything
        raise ValueError(
            f"expected {FILE} as `kerasfuse train` writes it. Received: {str(path)!r}, which is "
            f"damaged ({shortened(str(error))}). Remove it: the report makes it again."
        ) from error
