"""How the command line tells what is wrong: one paragraph, no stack of library frames."""

import warnings

import rich.console
import typer
import typer.core

from kerasfuse.recipes.execution.devices import StoppedWithOthersError

# What bad input raises. Anything else is a defect of the program and keeps its traceback.
_EXPECTED = (ValueError, OSError, ImportError)


class Group(typer.core.TyperGroup):
    """Run commands, turn their errors into one paragraph on stderr and exit code 2."""

    def invoke(self, ctx):
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            # Python hides them outside of scripts; who wrote an entry has to see its former keys.
            former = r".*will be an error from version"
            warnings.filterwarnings("default", former, DeprecationWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except StoppedWithOthersError as error:
                raise typer.Exit(2) from error
            except _EXPECTED as error:
                # Who closes the other end of a pipe has seen enough.
                if ctx.params["traceback"] or isinstance(error, BrokenPipeError):
                    raise
                say(f"error: {_told(error)}")
                raise typer.Exit(2) from error


def _told(error):
    """Give what went wrong; the system's own words for a file do not say what was expected."""
    if isinstance(error, OSError) and "expected " not in str(error):
        return f"expected files and folders that can be used. Received: {error}."
    return error


def say(text):
    """Print one paragraph on stderr."""
    # A console of its own each time: stderr may have been replaced since.
    console = rich.console.Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    console.print(f"kerasfuse: {' '.join(text.split())}")


def _show_warning(message, category, filename, lineno, file=None, line=None):
    say(f"note: {message}")
