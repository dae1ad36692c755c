"""The outputs of a model on a whole data set whose inputs are changed on the way."""

import keras
import numpy as np


def predictions(model, batches, change=None):
    """Predict every sample in stored order, after `change` has had its way with each batch.

    Args:
        model: any model that takes the inputs of `batches`.
        batches: `kerasfuse.datasets.Batches`, not shuffled.
        change: called with the inputs of a batch, a dict of modality name to array, and with the
            positions of its samples; returns other inputs. `None` changes nothing.

    Returns:
        float32 array `(samples, outputs)`.

    Raises:
        ValueError: for shuffled batches.
    """
    check_order(batches)
    found = []
    for index in range(len(batches)):
        inputs = batches[index][0]
        if change is not None:
            inputs = change(inputs, batches.rows(index))
        found.append(np.asarray(keras.ops.convert_to_numpy(model.predict_on_batch(inputs))))
    return np.concatenate(found).astype("float32")


def check_order(batches):
    """Refuse batches whose order is not the stored one."""
    if getattr(batches, "shuffle", False):
        raise ValueError(
            "`batches` expected samples in stored order: load them with shuffle=False. "
            "Received: shuffle=True"
        )


def check_labels(batches):
    """Refuse batches that metrics cannot score: shuffled ones, and those without labels."""
    check_order(batches)
    if batches.labels is None:
        raise ValueError("`batches` expected labels to score by. Received: none")


def without(inputs, absent):
    """Return inputs in which the modalities in `absent` are all zero, as the library has it."""
    return {m: np.zeros_like(x) if m in absent else x for m, x in inputs.items()}
