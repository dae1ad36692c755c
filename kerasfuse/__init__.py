"""Multimodal fusion models, layers and training strategies for Keras 3."""

import importlib
import os
import sys

__version__ = "0.1.0"

# Keras writes `tensorflow` into keras.json by itself, so that file does not tell what anyone
# wants. The variable does, and so does a Keras that runs already.
if "keras" not in sys.modules and not os.environ.get("KERAS_BACKEND"):
    os.environ["KERAS_BACKEND"] = "torch"

try:
    import keras  # noqa: F401
except ModuleNotFoundError as error:
    _CHOSEN = os.environ.get("KERAS_BACKEND", "")
    if error.name not in ("jax", "tensorflow", "torch") or error.name != _CHOSEN:
        raise
    raise ModuleNotFoundError(
        "expected the package of the backend that KERAS_BACKEND names. "
        f"Received: KERAS_BACKEND={_CHOSEN!r}, and no package {error.name}. Install it, or set "
        "KERAS_BACKEND to a backend that is installed, KERAS_BACKEND=torch for example.",
        name=error.name,
    ) from error

from kerasfuse import backend  # noqa: E402

# Before anything is compiled.
backend.keep_programs()

# At once, because a saved model can only be loaded when its classes have been registered.
from kerasfuse import layers, losses, metrics, models, ops, training  # noqa: E402

# When somebody asks, because of what they import: scikit-learn and tensorflow-datasets.
_LAZY = (
    *("analysis", "datasets", "export", "hub", "recipes", "recordings", "report", "text"),
    "zoo",
)

__all__ = ["layers", "losses", "metrics", "models", "ops", "training", *_LAZY]


def _load_preset(model_class, name, weights):
    from kerasfuse.zoo.presets import load_preset

    return load_preset(model_class, name, weights)


# Models lie below the zoo and know nothing of it.
models.FusionModel.preset_loader = staticmethod(_load_preset)


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'kerasfuse' has no attribute {name!r}")
    return importlib.import_module(f"kerasfuse.{name}")


def __dir__():
    return sorted({*globals(), *__all__})
