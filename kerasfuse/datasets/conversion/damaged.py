"""Prepared records that are damaged: which folder, and what to do."""

import contextlib

from kerasfuse.shown import shortened


@contextlib.contextmanager
def whole(folder):
    """Say of whatever is raised in the block that the records in a folder are damaged.

    Raises:
        ValueError: in place of what the libraries raise that read them.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # of zip, json, protobuf, riegeli and Arrow
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"expected prepared records that are whole. Received: {str(folder)!r}, which is "
            f"damaged ({shortened(lines[0])}). Remove that folder: the next call converts the "
            "files anew."
        ) from error
