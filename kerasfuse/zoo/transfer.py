"""Give a model the weights of another that is not quite the same."""

import dataclasses
import warnings

import keras

from kerasfuse.models import Scaled

_NAMED = 12


class RemadeWeightsWarning(UserWarning):
    """Some weights did not fit, and are random ones: train before you predict."""


@dataclasses.dataclass(frozen=True)
class Transferred:
    """Say which layers of a model have the weights of another.

    Args:
        kept: names of the layers whose weights are all from the other.
        remade: names of those with weights that did not fit, and are what they were.
    """

    kept: list[str]
    remade: list[str]

    def __str__(self):
        remade = ", ".join(self.remade[:_NAMED]) or "none"
        more = len(self.remade) - _NAMED
        return (
            f"layers with the weights they had: {len(self.kept)}; made anew, as they did not fit: "
            f"{remade}{f' and {more} more' if more > 0 else ''}"
        )


def transfer(source: keras.Model, target: keras.Model) -> Transferred:
    """Copy weights from one model to another, layer by layer, as far as they fit.

    Layers go by their names. In a layer weights go by their order, and each fits or not by its
    shape; a layer that has another number of weights fits not at all.

    Args:
        source, target: models; their `Scaled`, if they lie in one, counts as well.

    Returns:
        A `Transferred`.
    """
    theirs = _layers(source)
    kept, remade = [], []
    for name, layer in _layers(target).items():
        weights = layer.weights
        if not weights:
            continue
        found = theirs[name].weights if name in theirs else []
        if len(found) != len(weights):
            remade.append(name)
            continue
        fits = [tuple(a.shape) == tuple(b.shape) for a, b in zip(found, weights, strict=True)]
        for old, new, fit in zip(found, weights, fits, strict=True):
            if fit:
                new.assign(old)
        (kept if all(fits) else remade).append(name)
    return Transferred(kept, remade)


def tell(transferred, name, stacklevel):
    """Warn of what did not fit."""
    if transferred.remade:
        warnings.warn(f"{name}: {transferred}.", RemadeWeightsWarning, stacklevel=stacklevel + 1)


def _layers(model):
    if isinstance(model, Scaled):
        own = {layer.name: layer for layer in model.layers if layer is not model.inner}
        return own | _layers(model.inner)
    return {layer.name: layer for layer in model.layers}
