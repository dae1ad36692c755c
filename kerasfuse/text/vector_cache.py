"""Vectors of texts that were encoded before, kept on disk."""

import contextlib
import hashlib
import sqlite3

import numpy as np

from kerasfuse.cache import cache_folder

_FILE = "text-vectors.sqlite"
# Another process may be writing.
_PATIENCE = 30


class VectorCache:
    """Keep the vectors of texts by encoder and content.

    A cache that cannot be read or written is none: everything is then encoded anew.

    Args:
        fingerprint: sha256 of the encoder, and whatever else decides what its vectors are.
    """

    def __init__(self, fingerprint):
        self._fingerprint = fingerprint
        self.path = cache_folder() / _FILE

    def read(self, texts):
        """Return a dict of those of the texts that are known to their vectors `(steps, width)`."""
        found = {}
        with _no_matter(), self._database() as database:
            for text in texts:
                row = database.execute(
                    "SELECT steps, vectors FROM vectors WHERE name = ?", [self._name(text)]
                ).fetchone()
                if row:
                    vectors = np.frombuffer(row[1], "<f4").reshape(row[0], -1)
                    found[text] = vectors.astype("float32")
        return found

    def write(self, vectors):
        """Keep a dict of texts to their vectors."""
        rows = [
            (self._name(text), len(x), np.ascontiguousarray(x, "<f4").tobytes())
            for text, x in vectors.items()
            if len(x)
        ]
        with _no_matter(), self._database() as database, database:
            database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    @contextlib.contextmanager
    def _database(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(name BLOB PRIMARY KEY, steps INTEGER, vectors BLOB) WITHOUT ROWID"
            )
            yield database

    def _name(self, text):
        return hashlib.sha256(f"{self._fingerprint}\n{text}".encode("utf-8", "replace")).digest()


def _no_matter():
    # A full disk, a folder that cannot be written to, a damaged file, a writer that never ends.
    return contextlib.suppress(sqlite3.Error, OSError, ValueError)
