"""The checksum by which a file is known."""

import hashlib


def sha256(path):
    """Return the sha256 of a file in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
