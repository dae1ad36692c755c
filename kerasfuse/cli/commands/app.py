"""The program `kerasfuse`, whose commands the other modules add."""

from typing import Annotated

import typer

from kerasfuse.cli.errors import Group

app = typer.Typer(
    cls=Group,
    help="Multimodal fusion models for Keras 3: list, train, evaluate, analyse, report, predict.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    traceback: Annotated[bool, typer.Option(help="Show the stack of calls of an error.")] = False,
):
    """Hold the options of all commands."""
