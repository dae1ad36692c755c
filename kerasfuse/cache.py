"""Where what was fetched or computed once is kept."""

import os
import pathlib

import platformdirs


def cache_folder() -> pathlib.Path:
    """Return the folder that keeps what was fetched.

    It is the one that KERASFUSE_CACHE names, else the platform's own for such files, such as
    `~/.cache/kerasfuse`. All of it can be deleted at any time, and is fetched again.

    Example:

    >>> from kerasfuse import hub
    >>> folder = hub.cache_folder()
    """
    chosen = os.environ.get("KERASFUSE_CACHE")
    return pathlib.Path(chosen or platformdirs.user_cache_path("kerasfuse", appauthor=False))
