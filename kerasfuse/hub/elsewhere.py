"""Read an entry from elsewhere, and its weights, trusting neither."""

import hashlib
import os
import pathlib
import re
import warnings

from kerasfuse import atomic
from kerasfuse.cache import cache_folder
from kerasfuse.checksum import sha256
from kerasfuse.entries import parsing, weight_files
from kerasfuse.entries.definition import Entry
from kerasfuse.hub import download
from kerasfuse.hub.address import ENTRY_FILE, parse

# The largest of our own, with all its ablations, has 65 thousand bytes.
_ENTRY_BYTES = 2**20

_NAME = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)
# None is a name, too.
_WEIGHTS_FILE = re.compile(r"([A-Za-z0-9][\w.-]*\.weights\.h5)?", re.ASCII)


def entry(name: str | os.PathLike[str]) -> Entry:
    """Return the entry at an address, parsed as strictly as the zoo's own.

    What is fetched is kept. A pinned address is asked for once; others each time, as `main` may
    have moved, and where no answer comes, the copy that was kept is taken, with a warning.

    Args:
        name: an address, see `kerasfuse.zoo.load`.

    Raises:
        ValueError: for a wrong address, an entry.toml with another checksum than the pinned one,
            and one that is no valid entry.
        OSError: when it is not there, or cannot be fetched and no copy was kept.

    Example:

    >>> found = kerasfuse.hub.entry("hf://owner/name")
    """
    address = parse(name)
    data = _read_folder(address) if address.is_local else _read_remote(address)
    return _parse(address, data)


def weights(name: str | os.PathLike[str], entry: Entry) -> pathlib.Path:
    """Return the path of an entry's weights, fetched where needed, their checksum verified.

    Args:
        name: the address of the entry.
        entry: the `Entry` found there.

    Raises:
        ValueError: for another checksum than the entry's, and a file that is not plain HDF5 of
            finite numbers.
        OSError: when there are none, or they cannot be fetched.
    """
    address = parse(name)
    if not entry.weights.file:
        raise FileNotFoundError(
            f"expected an entry with weights. Received: {entry.name} at {address.text}, which has "
            "none. Pass weights=None for random ones."
        )
    if address.is_local:
        path = address.of(entry.weights.file)
        if not path.is_file():
            raise FileNotFoundError(
                f"expected the weights of {entry.name}. Received: {str(path)!r}, which is not "
                "there."
            )
        check_sha256(path, entry)
    else:
        # By their checksum: no other weights can ever be taken for these.
        path = cache_folder() / "weights" / f"{entry.weights.sha256}.weights.h5"
        if not path.is_file() or sha256(path) != entry.weights.sha256:
            url = address.of(entry.weights.file)
            download.save(url, path, entry.weights.sha256, entry.weights.size)
    weight_files.check(path)
    return path


def check_sha256(path: pathlib.Path, entry: Entry) -> None:
    """Raise a ValueError unless a file has the checksum of an entry's weights."""
    found = sha256(path)
    if found != entry.weights.sha256:
        raise ValueError(
            f"expected weights with sha256 {entry.weights.sha256} for {entry.name}. Received: "
            f"{path.name} with sha256 {found}. The file was changed or is damaged: fetch it "
            f"again, or make it with `{entry.weights.made_by}`."
        )


def _read_folder(address):
    path = address.of(ENTRY_FILE)
    if not path.is_file():
        raise ValueError(
            "expected the name of a zoo entry, or the address of a folder with an "
            f"{ENTRY_FILE}. Received: {address.text!r}, where there is none."
        )
    data = path.read_bytes()
    _check_pin(address, data)
    return data


def _read_remote(address):
    kept = cache_folder() / "entries" / address.slug / ENTRY_FILE
    old = kept.read_bytes() if kept.is_file() else None
    if old is not None and address.sha256 == _sha256(old):
        return old
    try:
        data = download.read(address.of(ENTRY_FILE), _ENTRY_BYTES)
    except ConnectionError as error:
        if old is None or address.sha256 is not None:
            raise
        warnings.warn(
            f"the copy of {address.text} that was fetched earlier is taken: {error}", stacklevel=4
        )
        return old
    _check_pin(address, data)
    # What is no entry is not kept.
    _parse(address, data)
    with atomic.replacing(kept) as temporary:
        temporary.write_bytes(data)
    return data


def _check_pin(address, data):
    if address.sha256 is not None and _sha256(data) != address.sha256:
        raise ValueError(
            f"expected an {ENTRY_FILE} with sha256 {address.sha256}. Received: one with "
            f"{_sha256(data)} at {address.text.partition('#')[0]}. It was changed since: pin the "
            "revision too, or ask who published it, and take the new checksum."
        )


def _parse(address, data):
    source = f"{ENTRY_FILE} of {address.text}"
    found = parsing.parse(data, source)
    for what, value, pattern in (
        ("entry.name of letters, digits, '-' and '_'", found.name, _NAME),
        ("weights.file to be a bare file name, *.weights.h5", found.weights.file, _WEIGHTS_FILE),
    ):
        if not pattern.fullmatch(value):
            raise ValueError(
                f"{source} is not a valid entry: expected {what}. Received: {value!r}."
            )
    return found


def _sha256(data):
    return hashlib.sha256(data).hexdigest()
