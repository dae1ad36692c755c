"""Fetch a file over https: whole and as expected, or not at all."""

import contextlib
import errno
import http.client
import os
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

import rich.console
import rich.progress

from kerasfuse import __version__, atomic, checksum
from kerasfuse.hub.address import check_url
from kerasfuse.hub.watch import Watch, handlers
from kerasfuse.shown import shortened, shown

# Seconds without a byte.
TIMEOUT = 30
# Bytes a second of a whole conversation, below which a server is too slow, but for its beginning.
SLOWEST, GRACE = 10_000, 30
# Of weights whose entry does not say how many.
MOST_BYTES = 2**31

# Connections of one call, each of which goes on where the one before broke.
_TRIES = 5
_PIECE = 2**18


def read(url, limit):
    """Return the bytes of a small file.

    Args:
        url: where it lies.
        limit: most bytes that it may have.

    Raises:
        ConnectionError: when the server cannot be reached, breaks off, or is too slow.
        FileNotFoundError, PermissionError: when it has no such file, or not for everybody.
        ValueError: for a longer file, and a redirect to an address that is not https.
    """
    data = b""
    with _open(url) as (response, watch):
        for piece in _pieces(response, url, watch, limit):
            data += piece
    return data


def save(url, path, sha256, size=None):
    """Fetch a file to a path, showing progress on a terminal.

    What came before a connection broke is kept beside the path, with the suffix `.part`, and the
    next call, as this one itself, asks for the rest only.

    Args:
        url: where it lies.
        path: where to write it; nothing is there before all of it has come and been checked.
        sha256: the checksum that it must have.
        size: the bytes that it must have; without them it may have two gigabytes.

    Raises:
        ConnectionError, FileNotFoundError, PermissionError, ValueError: as `read`, and ValueError
            for another checksum.
        OSError: when it cannot be written, on a full disk for instance.
    """
    path = pathlib.Path(path)
    part = path.with_name(f"{path.name}.part")
    with atomic.locked(path.with_name(f".{path.name}.lock")):
        resumed = part.is_file()
        _fetch_all(url, part, size or MOST_BYTES)
        found = checksum.sha256(part)
        if found != sha256 and resumed:
            # Perhaps of what was there before: once from the beginning.
            part.unlink()
            _fetch_all(url, part, size or MOST_BYTES)
            found = checksum.sha256(part)
        if found != sha256:
            part.unlink()
            raise ValueError(
                f"expected a file with sha256 {sha256}. Received: one with {found} "
                f"from {url}. It was changed or damaged, and is not kept: try again, and if it "
                "stays so, tell who published it."
            )
        os.replace(part, path)


def _fetch_all(url, part, limit):
    """Fetch a file, asking for the rest as long as more of it comes."""
    for attempt in range(1, _TRIES + 1):
        before = part.stat().st_size if part.is_file() else 0
        try:
            _fetch(url, part, before, limit)
            return
        except ValueError:  # more than it may have, or an address that is none
            part.unlink(missing_ok=True)
            raise
        except _BrokenOff as error:
            if attempt == _TRIES or part.stat().st_size <= before:
                raise ConnectionError(
                    f"{error} What came is kept: the next call asks for the rest."
                ) from error
        except _NoRestError as error:
            part.unlink(missing_ok=True)
            if attempt == _TRIES:
                raise ConnectionError(
                    f"expected a file from {url}. Received: some other part of it. Try later."
                ) from error


def _fetch(url, part, begun, limit):
    with _open(url, begun) as (response, watch), _progress() as progress, _room(part):
        # A server may send all of it in place of the rest.
        begun = begun if response.status == http.client.PARTIAL_CONTENT else 0
        total = None if response.length is None else begun + response.length
        task = progress.add_task(url.rpartition("/")[2], total=total, completed=begun)
        with open(part, "ab" if begun else "wb") as file:
            for piece in _pieces(response, url, watch, limit - begun):
                file.write(piece)
                progress.update(task, advance=len(piece))


class _BrokenOff(ConnectionError):
    pass


class _NoRestError(Exception):
    pass


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, request, response, code, message, headers):
        # The base class takes apart whatever the server says.
        where = headers.get("location") or headers.get("uri") or ""
        try:
            urllib.parse.urlsplit(urllib.parse.urljoin(request.full_url, where))
        except ValueError as error:
            raise ValueError(
                f"expected {request.full_url} to lead to another https address. Received: a "
                f"redirect to {shown(where)}, which is none ({error}). Nothing was fetched; tell "
                "who runs the server."
            ) from error
        return super().http_error_302(request, response, code, message, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, request, response, code, message, headers, url):
        check_url(url, asked=request.full_url)
        return super().redirect_request(request, response, code, message, headers, url)


@contextlib.contextmanager
def _open(url, begun=0):
    """Open a URL, and watch over how slow it is: yield the response and the watch."""
    check_url(url)
    headers = {"User-Agent": f"kerasfuse/{__version__}"}
    # As it is: what is compressed on the way has another length.
    headers |= {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    request = urllib.request.Request(url, headers=headers)
    with Watch(GRACE, SLOWEST) as watch:
        opener = urllib.request.build_opener(_SafeRedirects, *handlers(watch))
        try:
            response = opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if begun and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _NoRestError from error
            raise _refusal(url, error.code, error.reason) from error
        except (OSError, http.client.HTTPException) as error:
            told = shortened(str(getattr(error, "reason", error)))
            raise ConnectionError(
                f"expected an answer from {url}. Received: {watch.told or told}. Check "
                "the network, or fetch the folder by other means and give its path."
            ) from error
        with response:
            partial = response.status == http.client.PARTIAL_CONTENT
            sent = response.headers.get("Content-Range", "")
            if partial and not begun:
                raise ConnectionError(
                    f"expected all of {url}. Received: a part of it, {shown(sent)}, which nobody "
                    "asked for. Try later; if it stays so, tell who runs the server."
                )
            if partial and not sent.startswith(f"bytes {begun}-"):
                raise _NoRestError
            yield response, watch


def _refusal(url, code, reason):
    if code in (404, 410):
        return FileNotFoundError(
            f"expected a file at {url}. Received: {code} {reason}. Check the address, and the "
            "revision: it is that of a folder with an entry.toml, as `kerasfuse publish` makes it."
        )
    if code < 400:
        # Of another kind than http and https, or without an end: the library itself refuses it.
        return ValueError(f"expected {url} to lead to a file. Received: {code} {reason}.")
    if code in (401, 403):
        return PermissionError(
            f"expected a public file at {url}. Received: {code} {reason}. It does not exist, or is "
            "not public: download it with the tools of its hub (`hf download OWNER/NAME "
            "--local-dir FOLDER`) and give the folder's path."
        )
    return ConnectionError(f"expected a file from {url}. Received: {code} {reason}. Try later.")


def _pieces(response, url, watch, limit):
    """Yield what comes; told the length, `http.client` does not mind when less does."""
    total, received = response.length, 0
    if total is not None and total > limit:
        raise _too_long(url, limit)
    try:
        # Whatever is there: to wait for a whole piece is to wait for ever, where bytes drip.
        while piece := response.read1(_PIECE):
            received += len(piece)
            watch.received += len(piece)
            if received > limit:
                raise _too_long(url, limit)
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(url, received, total, watch) from error
    if watch.told or (total is not None and received < total):
        raise _broken_off(url, received, total, watch)


def _too_long(url, limit):
    return ValueError(f"expected at most {limit} bytes. Received: more, from {url}.")


def _broken_off(url, received, total, watch):
    return _BrokenOff(
        f"expected {'a whole file' if total is None else f'{total} bytes'} from {url}. Received: "
        f"{received} bytes before {watch.told or 'the connection broke'}. Try again."
    )


@contextlib.contextmanager
def _room(path):
    """Say what to do about a disk that is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        path.unlink(missing_ok=True)
        raise OSError(
            f"expected room for {path.name} in {path.parent}. Received: a full disk. Make room, or "
            "name a folder on another disk by the variable KERASFUSE_CACHE."
        ) from error


def _progress():
    console = rich.console.Console(file=sys.stderr)
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
