"""The source files of a data set: where they are, which belong together, and which are known."""

import codecs
import functools
import hashlib
import os
import pathlib
import time

from kerasfuse import plain_files
from kerasfuse.datasets.conversion.unreadable import Unreadable

_START = 256
# Nanoseconds by which the clock of a file system may be off: FAT counts in steps of two seconds.
_COARSEST = 2_000_000_000
_LFS_POINTER = b"version https://git-lfs"
_WEB_PAGES = (b"<!doctype html", b"<html")


def home():
    """Give the folder of TensorFlow Datasets, which holds all records."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def folder(data_dir):
    """Give the folder, or file, of source files: named by the user, else TFDS's manual folder."""
    named = data_dir or os.environ.get("KERASFUSE_DATA")
    return pathlib.Path(named or home() / "downloads" / "manual").expanduser()


def named(files):
    """Name the first file and count the others, for messages."""
    others = f" and {len(files) - 1} more files" if len(files) > 1 else ""
    return f"{str(files[0])!r}{others}"


def pair(first, second):
    """Pair files of two kinds by a key.

    Args:
        first, second: lists of `(key, file)`.

    Returns:
        dict of key to `(file, file)`, sorted by key, and a list of notes for the report: which
        files have no partner, if any.

    Raises:
        ValueError: for two files of one kind and key.
    """
    kinds = [{}, {}]
    for found, files in zip(kinds, (first, second), strict=True):
        for key, file in files:
            if key in found:
                raise ValueError(
                    f"expected one file of {key!r}. Received: {found[key]} and {file}. Remove one."
                )
            found[key] = file
    both = sorted(kinds[0].keys() & kinds[1].keys())
    alone = [found[key] for found in kinds for key in sorted(found) if key not in both]
    notes = []
    if alone:
        names = ", ".join(f"{file.parent.name}/{file.name}" for file in alone)
        notes.append(f"left out, {len(alone)} files whose partner is missing: {names}.")
    return {key: (kinds[0][key], kinds[1][key]) for key in both}, notes


def check_kind(path):
    """Refuse what is no file: of a pipe or a device a reader would wait for the end.

    Raises:
        Unreadable: for a folder, a pipe or a device.
        OSError: for what is not there, and links that lead nowhere.
    """
    try:
        plain_files.check(path)
    except ValueError as error:
        raise Unreadable(str(error), path, "no file") from error


def check_content(path):
    """Refuse a file that stands in place of the data that its name promises.

    Args:
        path: the file.

    Raises:
        Unreadable: for a pointer of Git LFS and for a web page, with how to get the data, and
            for what is no file.
        OSError: for what is not there.
    """
    check_kind(path)
    with open(path, "rb") as file:
        start = file.read(_START).removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith(_LFS_POINTER):
        raise Unreadable(
            f"expected data. Received: {str(path)!r}, which is a Git LFS pointer: it names the "
            "data and does not hold it. Run `git lfs pull` in the repository that it comes from.",
            path,
            "Git LFS pointer",
        )
    if start.startswith(_WEB_PAGES):
        raise Unreadable(
            f"expected data. Received: {str(path)!r}, which is a web page (HTML), perhaps a login "
            "or an error page. Open the address in a browser and save the file that it offers.",
            path,
            "web page",
        )


def stamp(files):
    """Digest what changes with the content of files, without a look at it.

    Sizes and times of modification alone do not: programs that copy set them back. The time at
    which the file system last changed a file is its own. It is coarse, so a file that changed just
    now has no stamp, and has to be known by its content.
    """
    digest = hashlib.sha256()
    for file in files:
        size_of_it, modified, changed, number = _status(file)
        if time.time_ns() - changed < _COARSEST:
            return None
        digest.update(f"{file.name}/{size_of_it}/{modified}/{changed}/{number}\n".encode())
    return digest.hexdigest()


def size(files):
    """Add up the bytes of files."""
    return sum(_status(file)[0] for file in files)


def sha256(files):
    """Digest names and contents of files."""
    stamped = stamp(files)
    paths = tuple(map(str, files))
    return _sha256_of(paths) if stamped is None else _kept_sha256_of(paths, stamped)


def _status(file):
    """Give size, times of modification and change, and number of a file.

    All zeros for one that is not there, a broken link for instance: its reader tells.
    """
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0, 0
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


@functools.lru_cache(maxsize=8)
def _kept_sha256_of(paths, stamped):
    return _sha256_of(paths)


def _sha256_of(paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(pathlib.Path(path).name.encode())
        try:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            digest.update(b"cannot be read")
    return digest.hexdigest()
