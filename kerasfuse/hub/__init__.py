"""Entries that live elsewhere: in a folder, at an https address, in a repository of a hub."""

from kerasfuse.cache import cache_folder
from kerasfuse.hub.address import ENTRY_FILE, is_address
from kerasfuse.hub.elsewhere import check_sha256, entry, weights

__all__ = ["ENTRY_FILE", "cache_folder", "check_sha256", "entry", "is_address", "weights"]
