"""Where an entry lies that is not the zoo's own: hf://, https:// or a folder."""

import dataclasses
import hashlib
import os
import pathlib
import re
import urllib.parse

from kerasfuse.shown import shown

ENTRY_FILE = "entry.toml"

_WORD = r"[A-Za-z0-9_][\w.-]*"
_HUB = re.compile(rf"hf://({_WORD}/{_WORD})(?:@({_WORD}(?:/{_WORD})*))?", re.ASCII)
_PIN = re.compile(r"sha256=([0-9a-f]{64})")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclasses.dataclass(frozen=True)
class Address:
    """Hold a parsed address: of a folder in which `entry.toml` lies.

    Args:
        text: as it was given.
        place: a `pathlib.Path`, or the URL of the folder, which ends in a slash.
        sha256: the checksum that `entry.toml` must have, or `None`.
    """

    text: str
    place: pathlib.Path | str
    sha256: str | None = None

    @property
    def is_local(self):
        """Whether it is a folder of this machine."""
        return isinstance(self.place, pathlib.Path)

    @property
    def slug(self):
        """A name for the address that is a file name everywhere, and no other address has."""
        digest = hashlib.sha256(self.place.encode()).hexdigest()
        readable = re.sub(r"[^A-Za-z0-9]+", "-", self.place.partition("://")[2]).strip("-")
        return f"{readable[-80:]}-{digest[:12]}"

    def of(self, file):
        """Return the path or the URL of a file of the folder."""
        return self.place / file if self.is_local else self.place + urllib.parse.quote(file)


def is_address(name: str | os.PathLike[str]) -> bool:
    """Whether `name` says where an entry lies, and is not the name of one of the zoo.

    Addresses are what has a slash in it (or is a `pathlib.Path`): `./folder` and not `folder`.
    """
    return isinstance(name, os.PathLike) or (
        isinstance(name, str) and any(slash in name for slash in ("/", os.sep))
    )


def parse(name):
    """Parse an address.

    Args:
        name: `hf://owner/name`, perhaps with `@revision`, an https URL of a folder, or the path of
            a folder; each perhaps with `#sha256=` and 64 hexadecimal digits, the checksum of its
            `entry.toml`. The variable HF_ENDPOINT names another hub than huggingface.co.

    Raises:
        ValueError: for anything else.
    """
    text = os.fspath(name)
    where, hash_sign, pin = text.partition("#")
    if hash_sign and not _PIN.fullmatch(pin):
        raise ValueError(
            "expected #sha256= and 64 hexadecimal digits after an address. "
            f"Received: #{pin} in {text!r}."
        )
    sha256 = pin.removeprefix("sha256=") or None
    if where.startswith("hf://"):
        found = _HUB.fullmatch(where)
        if not found or ".." in where:
            raise ValueError(
                "expected hf://owner/name or hf://owner/name@revision, of letters, digits, dots, "
                f"dashes and underscores. Received: {text!r}."
            )
        endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        revision = urllib.parse.quote(found[2] or "main", safe="")
        where = f"{endpoint.rstrip('/')}/{found[1]}/resolve/{revision}/"
    if "://" not in where:
        return Address(text, pathlib.Path(where), sha256)
    check_url(where)
    if urllib.parse.urlsplit(where).query:
        raise ValueError(f"expected the address of a folder, without '?'. Received: {text!r}.")
    return Address(text, where.rstrip("/") + "/", sha256)


def check_url(url, asked=None):
    """Raise a ValueError for a URL over which anybody on the way could change what comes.

    Args:
        url: must be https; http will do to this machine itself.
        asked: for a redirect, the URL that was asked for: from elsewhere to this machine there is
            no way.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError as error:  # such as a bracket that nothing closes
        raise ValueError(
            f"expected an address that is one. Received: {shown(url)} ({error})."
        ) from error
    if parts.scheme == "https" and host:
        return
    local = parts.scheme == "http" and host in _LOOPBACK
    if asked is not None:
        old = urllib.parse.urlsplit(asked)
        if (parts.scheme, parts.netloc) != (old.scheme, old.netloc):
            raise ValueError(
                f"expected {asked} to lead to another https address. Received: a redirect to "
                f"{url}. Nothing was fetched; tell who runs the server."
            )
    elif not local:
        raise ValueError(
            "expected an address that starts with hf:// or https://, or the path of a folder. "
            f"Received: {url!r}."
        )
