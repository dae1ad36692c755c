"""Fetch a file over https: whole and as expected, or not at all."""

import contextlib
import errno
import hashlib
import http.client
import sys
import urllib.error
import urllib.request

import rich.console
import rich.progress

from kerasfuse import __version__, atomic
from kerasfuse.hub.address import check_url

# Seconds without a byte.
TIMEOUT = 30

_PIECE = 2**18


def read(url, limit):
    """Return the bytes of a small file.

    Args:
        url: where it lies.
        limit: most bytes that it may have.

    Raises:
        ConnectionError: when the server cannot be reached, or breaks off.
        FileNotFoundError, PermissionError: when it has no such file, or not for everybody.
        ValueError: for a longer file, and a redirect to an address that is not https.
    """
    data = b""
    with _open(url) as response:
        for piece in _pieces(response, url):
            data += piece
            if len(data) > limit:
                raise ValueError(f"expected at most {limit} bytes. Received: more, from {url}.")
    return data


def save(url, path, sha256):
    """Fetch a file to a path, showing progress on a terminal.

    Args:
        url: where it lies.
        path: where to write it; nothing is there before all of it has come and been checked.
        sha256: the checksum that it must have.

    Raises:
        ConnectionError, FileNotFoundError, PermissionError, ValueError: as `read`, and ValueError
            for another checksum.
        OSError: when it cannot be written, on a full disk for instance.
    """
    digest = hashlib.sha256()
    with _open(url) as response, atomic.replacing(path) as temporary:
        with _progress() as progress, _room(path), open(temporary, "wb") as file:
            task = progress.add_task(url.rpartition("/")[2], total=response.length)
            for piece in _pieces(response, url):
                file.write(piece)
                digest.update(piece)
                progress.update(task, advance=len(piece))
        if digest.hexdigest() != sha256:
            raise ValueError(
                f"expected a file with sha256 {sha256}. Received: one with {digest.hexdigest()} "
                f"from {url}. It was changed or damaged, and is not kept: try again, and if it "
                "stays so, tell who published it."
            )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, response, code, message, headers, url):
        check_url(url, asked=request.full_url)
        return super().redirect_request(request, response, code, message, headers, url)


def _open(url):
    check_url(url)
    request = urllib.request.Request(url, headers={"User-Agent": f"kerasfuse/{__version__}"})
    try:
        return urllib.request.build_opener(_SafeRedirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(url, error.code, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"expected an answer from {url}. Received: {getattr(error, 'reason', error)}. Check "
            "the network, or fetch the folder by other means and give its path."
        ) from error


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


def _pieces(response, url):
    """Yield what comes; told the length, `http.client` does not mind when less does."""
    total, received = response.length, 0
    try:
        while piece := response.read(_PIECE):
            received += len(piece)
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(url, received, total) from error
    if total is not None and received < total:
        raise _broken_off(url, received, total)


def _broken_off(url, received, total):
    return ConnectionError(
        f"expected {'a whole file' if total is None else f'{total} bytes'} from {url}. Received: "
        f"{received} bytes before the connection broke. Nothing of it is kept: try again."
    )


@contextlib.contextmanager
def _room(path):
    """Say what to do about a disk that is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
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
