"""From an entry to a model with weights."""

import os
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any

from kerasfuse import hub
from kerasfuse.entries import weight_files
from kerasfuse.entries.definition import Entry
from kerasfuse.entries.terms import tell
from kerasfuse.models import FusionModel
from kerasfuse.shown import shortened
from kerasfuse.zoo.catalogue import entry, is_file, place
from kerasfuse.zoo.transfer import tell as tell_remade
from kerasfuse.zoo.transfer import transfer


class SimulatedWeightsWarning(UserWarning):
    """Weights were loaded that simulated data made: good for trying things out, not for results."""


def load(
    name: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = "default",
    num_outputs: int | None = None,
    modalities: Mapping[str, Any] | None = None,
) -> FusionModel:
    """Build an entry's model and load weights into it.

    With `num_outputs` or `modalities` the model is made for another task or other data, and keeps
    every weight that fits: the head, and the projections of other widths, are made anew, and named
    in a warning. To train only these, set `model.get_layer(name).trainable = False` of the others.

    Args:
        name: an entry's name, see `entries`; or where one lies that `kerasfuse publish` made:
            `hf://owner/name`, with `@revision` for another than `main`, the https address of a
            folder, or a folder's path, which has a slash in it (`./folder`). With `#sha256=` and
            the checksum of its `entry.toml` after it, no other one is ever taken. What is fetched
            is kept in `kerasfuse.hub.cache_folder()`.
        weights: `"default"` for the entry's own, `None` for random ones, or the path of a
            `.weights.h5` file made by the same architecture.
        num_outputs: number of outputs, by default the entry's.
        modalities: dict of modality name to width, by default the entry's.

    Returns:
        A `keras.Model` that is not compiled.

    Raises:
        ValueError: for an unknown name, for the entry's own weights when their sha256 is not the
            recorded one, for weights that do not fit the model, and for a file that takes
            weights from elsewhere or holds NaN, infinite or complex ones.
        FileNotFoundError: when the entry has no weights, with the command that makes them, or
            when the path does not exist.
        ConnectionError: when an address cannot be reached, and no copy is kept.

    Warns:
        SimulatedWeightsWarning: when simulated data made the entry's weights.
        WeightTermsWarning: of the terms that the entry's weights carry, once in a process.
        RemadeWeightsWarning: which layers are made anew, as their weights do not fit.

    Example:

    >>> from kerasfuse import zoo
    >>> zoo.load("mult_mosi_utterance", weights=None).modalities
    {'text': 100, 'audio': 73, 'vision': 100}
    """
    if num_outputs is not None or modalities is not None:
        return _resized(name, weights, num_outputs, modalities)
    found = entry(name)
    if weights is None:
        return found.build()
    if weights != "default":
        path = _own_weights(weights)
    elif hub.is_address(name) and not is_file(name):
        path = hub.weights(name, found)
    else:
        path = weights_path(found, name)
        weight_files.check(path)
    model = found.build()
    try:
        with warnings.catch_warnings():
            # Keras only warns of parts that the file does not have, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except Exception as error:  # Keras raises almost anything for parts of another shape or kind
        told = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"expected weights of the model {name!r}. Received: weights={str(path)!r}, which do "
            f"not fit it ({shortened(told)})."
        ) from error
    if weights == "default":
        tell(found, stacklevel=2)
    if weights == "default" and found.simulated:
        warnings.warn(
            f"the weights of {name} come from simulated data ({found.weights.trained_on}). They "
            "show how things work and say nothing about real recordings.",
            SimulatedWeightsWarning,
            stacklevel=2,
        )
    return model


def _resized(name, weights, num_outputs, modalities):
    found = entry(name)
    settings = {}
    if modalities is not None:
        settings["model.modalities"] = dict(modalities)
    if num_outputs is not None:
        settings["model.num_outputs"] = num_outputs
    model = found.override(settings).build()
    if weights is not None:
        tell_remade(transfer(load(name, weights), model), found.name, stacklevel=3)
    return model


def weights_path(entry: Entry, name: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """Return the path of an entry's weights, after a look at their checksum.

    Args:
        entry: the `Entry`.
        name: what it was found by; its own name by default.

    Raises:
        FileNotFoundError: when the entry has none, with the command that makes them.
        ValueError: when their sha256 is not the recorded one.
    """
    path = place(entry.name if name is None else name).parent / entry.weights.file
    if not entry.weights.file or not path.is_file():
        which = "whose weights are not kept here" if entry.recorded else "which has no weights yet"
        raise FileNotFoundError(
            f"expected an entry with weights. Received: {entry.name}, {which}. Make them with "
            f"`{entry.weights.made_by}`, or pass weights=None for random ones or the path of your "
            "own."
        )
    hub.check_sha256(path, entry)
    return path


def _own_weights(weights):
    path = pathlib.Path(weights)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            "expected 'default', None or the path of a .weights.h5 file. "
            f"Received: weights={str(weights)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a file of weights. Received: weights={str(weights)!r}, which does not exist."
        )
    weight_files.check(path)
    return path
