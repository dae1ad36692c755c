"""What is written on the command line, as values."""

import tomllib

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
