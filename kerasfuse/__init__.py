"""Multimodal fusion models, layers and training strategies for Keras 3."""

import importlib
import os
import sys

__version__ = "0.1.0"

# Keras writes `tensorflow` into keras.json by itself, so that file does not tell what anyone
# wants. The variable does, and so does a Keras that runs already.
if "keras" not in sys.modules and not os.environ.get("KERAS_BACKEND"):
    os.environ["KERAS_BACKEND"] = "torch"

# At once, because a saved model can only be loaded when its classes have been registered.
from kerasfuse import layers, losses, metrics, models, ops, training  # noqa: E402

# When somebody asks, because of what they import: scikit-learn and tensorflow-datasets.
_LAZY = ("analysis", "datasets", "export", "hub", "zoo")

__all__ = ["layers", "losses", "metrics", "models", "ops", "training", *_LAZY]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'kerasfuse' has no attribute {name!r}")
    return importlib.import_module(f"kerasfuse.{name}")


def __dir__():
    return sorted({*globals(), *__all__})
