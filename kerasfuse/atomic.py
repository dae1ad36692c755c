"""Write a file whole or not at all."""

import contextlib
import errno
import os
import pathlib
import secrets
import shutil


@contextlib.contextmanager
def replacing(path, room=0):
    """Give a temporary path that takes the place of `path` when the block ends without an error.

    The temporary file lies in the same folder, so that the final rename is one step of the file
    system: whoever looks sees the old file or the new one, and a process killed on the way leaves
    the old one as it was. It keeps the suffixes of `path` (Keras looks at `.weights.h5`). Missing
    parent folders are made.

    Args:
        path: the file to write.
        room: bytes that must be free, for what is written by those who do not bear a full disk.

    Yields:
        `pathlib.Path` of the temporary file.

    Raises:
        OSError: when the folder cannot be made or written to, and when the disk is full.

    Example:

    >>> with replacing("notes.txt") as temporary:
    ...     _ = temporary.write_text("all of it", encoding="utf-8")
    """
    path = pathlib.Path(path)
    temporary = _temporary_beside(path)
    try:
        if shutil.disk_usage(path.parent).free < room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if not _disk_is_full(error):
            raise
        raise OSError(
            errno.ENOSPC,
            f"expected room for {path.name}. Received: a full disk at {str(path.parent)!r}; "
            "nothing was changed. Make room, or choose another folder",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder):
    """Make a folder, and find out before long work whether files can be written into it.

    Raises:
        OSError: when the folder cannot be made or written to.
    """
    _temporary_beside(pathlib.Path(folder, "check")).unlink()


def _disk_is_full(error):
    # h5py tells it in words only.
    words = os.strerror(errno.ENOSPC).lower()
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or words in str(error).lower()


def _temporary_beside(path):
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        raise type(error)(
            f"expected a place that can be written to. Received: folder={str(path.parent)!r} "
            f"({error.strerror or error}). Choose another folder, or change its permissions."
        ) from error
    return temporary
