"""Write a file whole or not at all, and one process at a time."""

import contextlib
import errno
import os
import pathlib
import re
import secrets
import shutil
import stat
import tempfile

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind; two at once do the same work twice.
    fcntl = None

# The end of the name of a lock file.
_LOCK = ".lock"
_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.(.+)", re.DOTALL)


@contextlib.contextmanager
def replacing(path, room=0):
    """Give a temporary path that takes the place of `path` when the block ends without an error.

    The temporary file lies in the same folder, so that the final rename is one step of the file
    system: whoever looks sees the old file or the new one, and a process killed on the way leaves
    the old one as it was. It keeps the suffixes of `path` (Keras looks at `.weights.h5`). Missing
    parent folders are made. Who writes the same file at the same time waits; so what lies there by
    the name of a temporary file was left by a killed process, and is removed.

    Args:
        path: the file to write.
        room: bytes that must be free, for what is written by those who do not bear a full disk.

    Yields:
        `pathlib.Path` of the temporary file.

    Raises:
        OSError: when the folder cannot be made or written to, when the disk is full, and when
            `path` is a folder, a device or a pipe, which nothing may take the place of.

    Example:

    >>> with replacing("notes.txt") as temporary:
    ...     _ = temporary.write_text("all of it", encoding="utf-8")
    """
    path = pathlib.Path(path)
    _check_kind(path)
    with locked(path.with_name(f".{path.name}{_LOCK}")):
        _sweep(path.parent, path.name)
        temporary = _temporary_beside(path)
        try:
            if shutil.disk_usage(path.parent).free < room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield temporary
            os.replace(temporary, path)
        except Exception as error:  # not every writer raises an OSError
            if not disk_is_full(error):
                raise
            raise OSError(
                errno.ENOSPC,
                f"expected room for {path.name}. Received: a full disk at {str(path.parent)!r}; "
                "nothing was changed. Make room, or choose another folder",
            ) from error
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path, wait=True):
    """Hold a lock file, so that no other process does; that of a killed process is free at once.

    Args:
        path: the lock file. It is removed at the end. Its folder is made.
        wait: whether to wait for another process that holds it.

    Raises:
        BlockingIOError: when another process holds it, and `wait` is false.
        OSError: when the file cannot be made.

    Example:

    >>> with locked("notes.lock"):
    ...     pass
    """
    path = pathlib.Path(path)
    with _writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    file = _lock_file(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def _lock_file(path, how):
    while True:
        with _writing_to(path.parent):
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, how)
            # The holder before may have removed the file while this process waited.
            if path.exists() and os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except FileNotFoundError:
            pass  # removed between the two looks
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def sweep(folder):
    """Remove the temporary files, and locks of them, that killed processes left in a folder.

    Those below it, too. Only for who holds the folder alone: `replacing` of another process would
    lose its file.
    """
    for place, _, files in os.walk(folder):
        _sweep(place)
        for file in files:
            if file.startswith(".") and file.endswith(_LOCK) and file != _LOCK:
                release(pathlib.Path(place, file))


def release(path):
    """Remove a lock file that a killed process left; one that a process holds stays."""
    if os.path.lexists(path):
        with contextlib.suppress(OSError), locked(path, wait=False):
            pass


def is_held(path):
    """Whether a process holds a lock file now; where there are no locks, never."""
    if fcntl is None:
        return False
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        # Shared, and for an instant: only what a killed process left can be had at all.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _sweep(folder, name=None):
    """Remove the temporary files of a folder: all, or those of one file."""
    if fcntl is None:  # they may be in use
        return
    for left in os.listdir(folder):
        found = _TEMPORARY.fullmatch(left)
        if found and name in (None, found[1]):
            pathlib.Path(folder, left).unlink(missing_ok=True)


def check_writable(folder):
    """Make a folder, and find out before long work whether files can be written into it.

    Raises:
        OSError: when the folder cannot be made or written to.
    """
    check_file(pathlib.Path(folder, "check"))


@contextlib.contextmanager
def making(folder):
    """Make a folder that can be written to; if the block fails, remove what is empty of it again.

    Raises:
        OSError: when the folder cannot be made or written to.
    """
    folder = pathlib.Path(folder)
    new = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    try:
        check_writable(folder)
        yield
    except BaseException:
        for path in new:
            with contextlib.suppress(OSError):  # not empty, or not there
                path.rmdir()
        raise


def check_file(path):
    """Find out before long work whether a file can be written, as `replacing` will.

    Raises:
        OSError: when it cannot.
    """
    path = pathlib.Path(path)
    _check_kind(path)
    with _writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            _temporary_name(path).lstat()  # a name that is too long
        # It has no name where the system can do that: a kill leaves nothing behind.
        tempfile.TemporaryFile(dir=path.parent).close()


def _check_kind(path):
    found = path.lstat().st_mode if os.path.lexists(path) else None
    if not path.name or (found is not None and not (stat.S_ISREG(found) or stat.S_ISLNK(found))):
        raise OSError(
            f"expected the name of a file. Received: {str(path)!r}, which is a folder, a device or "
            "a pipe. Choose another name."
        )


def disk_is_full(error):
    """Whether an error says that the disk is full; h5py and others tell it in words only."""
    words = os.strerror(errno.ENOSPC).lower()
    number = getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT) or words in str(error).lower()


def _temporary_beside(path):
    temporary = _temporary_name(path)
    with _writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    return temporary


def _temporary_name(path):
    return path.with_name(f".{secrets.token_hex(4)}.{path.name}")


@contextlib.contextmanager
def _writing_to(folder):
    try:
        yield
    except OSError as error:
        raise type(error)(
            f"expected a place that can be written to. Received: folder={str(folder)!r} "
            f"({error.strerror or error}). Choose another folder, or change its permissions."
        ) from error
