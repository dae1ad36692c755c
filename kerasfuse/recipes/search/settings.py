"""What a search is: written into its folder once, read by every process that works for it."""

import dataclasses
import json
import pathlib
from typing import Any

from kerasfuse import atomic
from kerasfuse.shown import shortened

FILE = "search.json"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Hold what a search is.

    Args:
        search: a name that no other folder has.
        study: name of the study in its storage.
        space: what is chosen from, see `space.parse`.
        trials: how many there are to be.
        seed: of every training in the search, and of the sampler.
        sampler, pruner: names, see `study`.
        storage: path of the journal, or URL.
        data_dir: folder of the real data.
    """

    search: str
    study: str
    space: dict[str, Any]
    trials: int
    seed: int
    sampler: str
    pruner: str
    storage: str
    data_dir: str | None = None


def is_search(folder):
    """Whether a search is kept in a folder."""
    return pathlib.Path(folder, FILE).is_file()


def read_settings(folder):
    """Return the `Settings` in a folder."""
    path = pathlib.Path(folder, FILE)
    try:
        return Settings(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"expected {FILE} as `kerasfuse tune` writes it. Received: {str(path)!r}, which is "
            f"damaged ({shortened(str(error))})."
        ) from error


def write_settings(folder, settings):
    """Write `Settings` into a folder."""
    with atomic.replacing(pathlib.Path(folder, FILE)) as temporary:
        text = json.dumps(dataclasses.asdict(settings), indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
