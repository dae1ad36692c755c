"""What all pictures of the library have in common."""

import functools
import io
import pathlib

from kerasfuse import atomic
from kerasfuse.optional_packages import require

INK, MUTED = "#22223b", "#6c6f7f"
# One for each thing that is told apart.
COLOURS = ("#1d4a6b", "#e4572e", "#6a994e", "#8e6c8a", "#c08552", "#3d8b8b")
# Weights from none to most.
PAPER_TO_INK = ("#fbfaf7", "#d6e2ea", "#8fb5c9", "#3f7ca0", "#1d4a6b", "#0b2239")

FORMATS = (".svg", ".png", ".pdf")


def require_matplotlib(caller):
    """Raise an ImportError that says how to get matplotlib, where it is missing.

    Args:
        caller: who needs it, for the message.
    """
    require("matplotlib", f"`{caller}`", "report")


def check_path(path):
    """Refuse, before any work, a file that no picture can be written to.

    Args:
        path: of the picture.

    Raises:
        ValueError: for a suffix that is none of `FORMATS`.
        OSError: when it cannot be written.
    """
    if pathlib.Path(path).suffix not in FORMATS:
        raise ValueError(
            f"expected a picture that ends in {' or '.join(FORMATS)}. Received: path={str(path)!r}."
        )
    atomic.check_file(path)


def new_figure(caller, width, height):
    """Make an empty white figure that a notebook shows as a picture.

    pyplot does not know it: there is no backend to choose, and nothing to close.

    Args:
        caller: the function or method that draws, for the message where matplotlib is missing.
        width, height: in inches.

    Raises:
        ImportError: matplotlib is missing.
    """
    require_matplotlib(caller)
    return _picture_class()(
        figsize=(width, height), dpi=150, layout="constrained", facecolor="white"
    )


@functools.cache
def _picture_class():
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A matplotlib figure that IPython can show without pyplot.

        Once pyplot is there, IPython has a representation of every `Figure` and takes that one.
        """

        def _repr_png_(self):
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    # Pickled by its name in this module: see `__getattr__`.
    Picture.__qualname__ = "Picture"
    return Picture


def __getattr__(name):
    # Made when asked for, because matplotlib is optional.
    if name == "Picture":
        return _picture_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
