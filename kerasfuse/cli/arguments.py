"""What is written on the command line, as values."""

import tomllib

from kerasfuse import datasets
from kerasfuse.datasets.conversion import source_files
from kerasfuse.shown import shortened


def numbers(text):
    """Read seeds: whole numbers with commas between."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(
            f"expected seeds to be whole numbers with commas between. Received: seeds={text!r}."
        ) from None


def setting(text):
    """Read KEY=VALUE, the value as toml has it, or a word."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"expected KEY=VALUE. Received: --set {text!r}.")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        # A word needs no quotes here.
        return key, value


def read_space(path):
    """Read what a search may choose from, a toml file.

    Raises:
        ValueError: when it is not toml.
        OSError: when it cannot be read.
    """
    try:
        source_files.check_kind(path)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    # Of toml, of bytes that are no text, and of tables in tables without end.
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"expected a space in toml, such as [learning_rate] with low and high. "
            f"Received: {str(path)!r} ({shortened(str(error))})."
        ) from error


def is_path(data):
    """Whether --data is a path of one's own files, and not the name of a data set."""
    return data is not None and data not in datasets.names()


def with_data(settings, data, folds, group, validation):
    """Return --set and the options of data as overrides.

    Raises:
        ValueError: for an option of data without data.
    """
    found = dict(map(setting, settings or []))
    given = {"data.folds": folds, "data.group": group, "data.validation": validation}
    given = {key: value for key, value in given.items() if value is not None}
    if given and data is None:
        named = ", ".join(f"--{key.removeprefix('data.')}" for key in given)
        raise ValueError(f"expected --data beside {named}. Received: none. Name your files.")
    if given and not (is_path(data) or data == "own"):
        raise ValueError(
            "expected --folds, --group and --validation of your own files. "
            f"Received: --data {data}, a data set that has splits of its own."
        )
    return found | given
