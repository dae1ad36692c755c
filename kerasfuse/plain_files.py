"""Files of others, before they are opened: of a pipe or a device, a reader waits for the end."""

import os
import stat


def check(path: str | os.PathLike[str]) -> None:
    """Refuse what is no file.

    Args:
        path: the file; a link to one will do.

    Raises:
        ValueError: for a folder, a pipe or a device.
        OSError: for what is not there, and links that lead nowhere.

    Example:

    >>> from kerasfuse import plain_files
    >>> plain_files.check("recordings.npz")
    """
    try:
        found = os.stat(path).st_mode
    except OSError as error:
        raise type(error)(
            error.errno,
            f"expected a file that can be read. Received: {os.fspath(path)!r} ({error.strerror})",
        ) from error
    if not stat.S_ISREG(found):
        raise ValueError(
            f"expected a file. Received: {os.fspath(path)!r}, which is a folder, a pipe or a "
            "device."
        )
