"""Arguments that were renamed or dropped: still read, with a DeprecationWarning."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

# Of a type checker: what is decorated stays what it was.
T = TypeVar("T")


def renamed_arguments(**new_names: str) -> Callable[[T], T]:
    """Let a function or a class take arguments by their former names.

    Of a class, the constructor takes them, and so does a layer where it is called: saved
    configurations and saved graphs that have the former names load.

    Args:
        **new_names: former name = new name.

    Example:

    >>> @renamed_arguments(licence="license")
    ... def entries(license=None):
    ...     return license
    """

    def decorate(target):
        if not inspect.isclass(target):
            return _reading(target, new_names)
        of_constructor = _among_parameters(new_names, target.__init__)
        if of_constructor:
            target.__init__ = _constructor_reading(target, of_constructor)
        if of_call := _among_parameters(new_names, getattr(target, "call", None)):
            target.__call__ = _call_reading(target, of_call)
        target.renamed_arguments = of_constructor
        return target

    return decorate


def dropped_arguments(**only_values: Any) -> Callable[[T], T]:
    """Let a class take arguments that it no longer has, where they ask for what it does anyway.

    Args:
        **only_values: former argument = the value that it does everything by.

    Example:

    >>> @dropped_arguments(pieces=2)
    ... class EarlyFusion: ...
    """

    def decorate(cls):
        construct = cls.__init__

        @functools.wraps(construct)
        def without(self, *args, **kwargs):
            construct(self, *args, **without_dropped(kwargs, only_values, cls.__name__))

        cls.__init__ = _with_signature_of(construct, without)
        cls.dropped_arguments = only_values
        return cls

    return decorate


def without_dropped(arguments, only_values, what, stacklevel=2):
    """Return a dict without dropped arguments, warning of each.

    Args:
        arguments: dict of name to value.
        only_values: see `dropped_arguments`.
        what: what takes these arguments, for the message.
        stacklevel: as of `warnings.warn`, counted from the caller.

    Raises:
        ValueError: when one has another value than the only one left.
    """
    for name in only_values.keys() & arguments.keys():
        value = arguments[name]
        if value != only_values[name]:
            raise ValueError(
                f"expected {what} without {name!r}, which is {only_values[name]!r} always. "
                f"Received: {name}={value!r}"
            )
        _warn(f"{what}: {name!r} is {value!r} always.", stacklevel + 1)
    return {name: value for name, value in arguments.items() if name not in only_values}


def current_names(arguments, new_names, what, stacklevel=2):
    """Return a dict with former keys replaced by the new ones, warning of each.

    Args:
        arguments: dict of name to value.
        new_names: dict of former to new name.
        what: what takes these arguments, for the message.
        stacklevel: as of `warnings.warn`, counted from the caller.

    Raises:
        TypeError: when an argument is given by both of its names.
    """
    for old in new_names.keys() & arguments.keys():
        new = new_names[old]
        if new in arguments:
            raise TypeError(
                f"expected {what} to have {new!r} once. Received: {old!r}, its former name, too."
            )
        _warn(f"{what}: {old!r} is called {new!r} now.", stacklevel + 1)
        arguments = {new if name == old else name: value for name, value in arguments.items()}
    return arguments


def _warn(change, stacklevel):
    warnings.warn(
        f"{change} The former argument will be an error from version 0.4 on.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )


def _among_parameters(new_names, function):
    parameters = inspect.signature(function).parameters if function else ()
    return {old: new for old, new in new_names.items() if new in parameters}


def _reading(function, new_names):
    @functools.wraps(function)
    def reading(*args, **kwargs):
        return function(*args, **current_names(kwargs, new_names, function.__name__))

    return reading


def _constructor_reading(cls, new_names):
    construct = cls.__init__

    @functools.wraps(construct)
    def reading(self, *args, **kwargs):
        construct(self, *args, **current_names(kwargs, new_names, cls.__name__))

    return _with_signature_of(construct, reading)


def _call_reading(cls, new_names):
    # Looked up in each call, as that of Keras may be replaced for a while.
    @functools.wraps(cls.__call__)
    def reading(self, *args, **kwargs):
        kwargs = current_names(kwargs, new_names, cls.__name__)
        return super(cls, self).__call__(*args, **kwargs)

    return reading


def _with_signature_of(method, wrapper):
    # Keras reads the arguments of a constructor by two functions, of which one looks through
    # wrappers and the other does not.
    wrapper.__signature__ = inspect.signature(method)
    return wrapper
