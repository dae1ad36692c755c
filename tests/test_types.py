"""The entry points say the types of what they take and give."""

import inspect
import typing

import pytest

from kerasfuse import datasets, export, hub, models, recipes, report, zoo

PACKAGES = (datasets, export, hub, recipes, report, zoo)


def functions():
    """Yield the public functions and, of public classes, the public methods written here."""
    yield models.FusionModel.from_preset
    for package in PACKAGES:
        for name in package.__all__:
            found = getattr(package, name)
            if inspect.isfunction(found):
                yield found
            elif inspect.isclass(found):
                for key, value in vars(found).items():
                    value = value.fget if isinstance(value, property) else value
                    if inspect.isfunction(value) and not key.startswith("_"):
                        yield value


@pytest.mark.parametrize(
    "function", list(functions()), ids=lambda f: f"{f.__module__}.{f.__qualname__}"
)
def test_a_public_function_is_annotated(function):
    hints = typing.get_type_hints(function)
    missing = inspect.signature(function).parameters.keys() - hints.keys() - {"self", "cls"}
    assert not missing and "return" in hints
