"""What an entry may name: classes of models and layers, and their arguments."""

import inspect

import keras

from kerasfuse import layers, models
from kerasfuse.deprecation import current_names, without_dropped
from kerasfuse.models.parts.registered import REGISTERED
from kerasfuse.nearest_names import nearest
from kerasfuse.shown import shown

# Keras would build any object from a table with these, and may import its module for it.
_SERIALIZED = ("class_name", "module", "registered_name")


def model_classes():
    """Return the model classes that an entry may name: name -> class.

    They are the library's, and those that were registered in this process.
    """
    return {
        **REGISTERED,
        **_own_classes(),
    }


def _own_classes():
    return {
        name: value
        for name, value in vars(models).items()
        if inspect.isclass(value)
        and issubclass(value, keras.Model)
        and "modalities" in inspect.signature(value).parameters
    }


def model_arguments(model_class):
    """Return the names that a model's constructor takes."""
    parameters = inspect.signature(model_classes()[model_class].__init__).parameters.values()
    return tuple(
        parameter.name
        for parameter in parameters
        if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    )


def current_model_args(model_class, arguments):
    """Return a model's arguments by the names that they have today, warning of former ones.

    Args:
        model_class: name of the model's class.
        arguments: dict of its arguments; tables in it may name classes of layers.
    """
    found = model_classes().get(model_class) if isinstance(model_class, str) else None
    return _current(found, model_class, arguments)


def _current(found, name, arguments):
    what = f"the arguments of {name}"
    new_names = getattr(found, "renamed_arguments", {})
    arguments = current_names(arguments, new_names, what, stacklevel=5)
    only_values = getattr(found, "dropped_arguments", {})
    arguments = without_dropped(arguments, only_values, what, stacklevel=5)
    return {
        key: _current(getattr(layers, str(value["class"]), None), value["class"], value)
        if isinstance(value, dict) and "class" in value
        else current_model_args(None, value)
        if isinstance(value, dict)
        else value
        for key, value in arguments.items()
    }


def check_nested_classes(arguments, path="model"):
    """Check the classes that tables among a model's arguments name, encoders for example.

    Only layers of kerasfuse are ever made from them; the model itself checks that a
    `text_encoder` is a backbone of keras-hub.

    Raises:
        ValueError: for the class of anything else, and for an argument that it does not take.
    """
    for key, value in arguments.items():
        place = f"{path}.{key}"
        if not isinstance(value, dict):
            continue
        for forbidden in _SERIALIZED:
            if forbidden in value:
                raise ValueError(
                    "expected a table with `class`, the name of a layer of kerasfuse.layers, and "
                    f"its arguments. Received: {place}.{forbidden}={shown(value[forbidden])}: "
                    "objects "
                    "that Keras has serialized are not made from an entry."
                )
        if "class" in value and key != "text_encoder":
            _check_layer(value, place)
        check_nested_classes(value, place)


def _check_layer(table, place):
    name = table["class"]
    if name not in layers.__all__:
        raise ValueError(
            f"expected {place}.class to be the name of a layer of kerasfuse.layers. "
            f"Received: class={shown(name)}. {nearest(name, layers.__all__)}"
        )
    valid = inspect.signature(getattr(layers, name)).parameters
    for key in table:
        if key != "class" and key not in valid:
            raise ValueError(
                f"expected an argument of {name}. Received: {place}.{key}={shown(table[key])}. "
                f"{nearest(key, [name for name in valid if name != 'kwargs'])}"
            )
