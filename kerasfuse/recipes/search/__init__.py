"""Search over an entry's arguments, with the answer measured on fresh seeds."""

from kerasfuse.recipes.search.trials import Trial
from kerasfuse.recipes.search.tuning import Search, read_search, tune

__all__ = ["Search", "Trial", "read_search", "tune"]
