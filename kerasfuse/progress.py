"""Bars for long work, on a terminal only, and one paragraph for what it found."""

import contextlib
import contextvars
import sys

import rich.console
import rich.progress

_shown = contextvars.ContextVar("shown", default=None)


@contextlib.contextmanager
def bars():
    """Give a `rich.progress.Progress` on standard error, which shows nothing but on a terminal.

    Within another one it is the same: a terminal has one place for bars.
    """
    if (outer := _shown.get()) is not None:
        yield outer
        return
    console = rich.console.Console(file=sys.stderr)
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.MofNCompleteColumn())
    with rich.progress.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        token = _shown.set(progress)
        try:
            yield progress
        finally:
            _shown.reset(token)


def counting(bars, name):
    """Add a bar for work that tells how much of it is done: called with the two numbers."""
    task = bars.add_task(name, total=None)
    return lambda made, total: bars.update(task, completed=made, total=total)


_silent = contextvars.ContextVar("silent", default=False)


@contextlib.contextmanager
def silence():
    """Let `say` say nothing, for who tells it elsewhere."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def say(text):
    """Print lines on standard error."""
    if not _silent.get():
        print(text, file=sys.stderr)
