"""Callbacks of Keras that a recipe names, checked."""

import inspect
import pathlib

import keras

from kerasfuse.nearest_names import choose, nearest
from kerasfuse.training.callbacks import TensorBoardLogs

# Written by hand or by Keras itself, or of functions, which toml has none of.
_NOT_NAMED = ("Callback", "CallbackList", "History", "LambdaCallback", "LearningRateScheduler")
# Arguments that are paths: they lie in the folder of the run.
_PATHS = ("filepath", "filename", "log_dir", "backup_dir", "path")


def callback_classes():
    """Return the callbacks that a recipe may name: name -> class."""
    found = {
        name: value
        for name, value in vars(keras.callbacks).items()
        if inspect.isclass(value)
        and issubclass(value, keras.callbacks.Callback)
        and name not in _NOT_NAMED
    }
    # Keras' own needs TensorFlow.
    return {**found, "TensorBoard": TensorBoardLogs}


def check_callbacks(tables):
    """Check the callbacks of a recipe.

    Args:
        tables: list of dicts of `class` and its arguments.

    Raises:
        ValueError: for what is no such list, an unknown class or argument, and a path that leaves
            the run's folder.
    """
    if not isinstance(tables, list | tuple) or any(
        not isinstance(table, dict) or "class" not in table for table in tables
    ):
        raise ValueError(
            "expected callbacks to be a list of tables with a class and its arguments. "
            f"Received: callbacks={tables!r}."
        )
    classes = callback_classes()
    for table in tables:
        name = choose("callbacks.class", table["class"], sorted(classes))
        valid = [key for key in inspect.signature(classes[name]).parameters if key != "kwargs"]
        for key, value in table.items():
            if key != "class" and key not in valid:
                raise ValueError(
                    f"expected an argument of {name}. Received: callbacks.{key}={value!r}. "
                    f"{nearest(key, valid)}"
                )
            if key in _PATHS and not _stays_inside(value):
                raise ValueError(
                    f"expected {key} of {name} to be a path within the folder of the run. "
                    f"Received: {value!r}."
                )


def make_callbacks(tables, folder):
    """Make the callbacks that a recipe names, their files in a folder.

    Args:
        tables: what `check_callbacks` takes.
        folder: of the seed.
    """
    made = []
    for table in tables:
        cls = callback_classes()[table["class"]]
        arguments = {key: value for key, value in table.items() if key != "class"}
        paths = [key for key in inspect.signature(cls).parameters if key in _PATHS]
        for key in paths:
            default = inspect.signature(cls).parameters[key].default
            value = arguments.get(key, default)
            if isinstance(value, str):
                arguments[key] = str(pathlib.Path(folder, value))
        made.append(cls(**arguments))
    return made


def _stays_inside(value):
    path = pathlib.PurePath(str(value))
    return not path.is_absolute() and ".." not in path.parts
