"""What an entry may name: classes of models, data sets, and their arguments."""

import inspect

import keras

from kerasfuse import datasets, models


def model_classes():
    """Return the model classes that an entry may name: name -> class."""
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


def data_arguments(data_name):
    """Return the names that a data set's configuration takes."""
    # A data set is one function in the module of its own name; see `datasets.registry`.
    function = getattr(getattr(datasets, data_name), data_name)
    parameters = inspect.signature(function).parameters.values()
    return tuple(found.name for found in parameters if found.kind is found.KEYWORD_ONLY)
