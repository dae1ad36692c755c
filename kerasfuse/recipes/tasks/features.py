"""How the inputs of a model that is trained on clips are made of another recording."""

import json
import pathlib

from kerasfuse import plain_files
from kerasfuse.datasets.recordings import extracted_folder
from kerasfuse.entries.token_ids import sizes
from kerasfuse.recordings import Features
from kerasfuse.recordings.extracting import FACTS
from kerasfuse.recordings.versions import EXTRACTORS

_SAID = ("extractor", "version", "encoder", "sha256", "layers")


def features_of(entry, place):
    """Return the section `[features]` of an entry, from what its data say of their extraction.

    Args:
        entry: the `Entry`, on features of `kerasfuse extract`, or on clips.
        place: folder or table of its data, or `None`.

    Returns:
        dict as `Features.of` takes it, in which modalities that no extractor made are absent; empty
        where none was, or where the model does not read features as extractors make them.
    """
    if entry.data_name == "ravdess_speech":
        made = _of_speech(entry.data_args)
    elif entry.data_name == "recordings":
        made = _extracted(extracted_folder(place, entry.data_args))
    elif entry.data_name == "own" and place is not None:
        folder = pathlib.Path(place)
        made = _extracted(folder.parent if folder.is_file() else folder)
    else:
        made = {}
    widths = sizes(entry.model_args)
    made = {name: made[name] for name in widths if name in made}
    if not made or not all(isinstance(width, int) for width in widths.values()):
        return {}
    absent = [name for name in widths if name not in made]
    table = {**made, **({"absent": absent} if absent else {})}
    try:
        Features.of(table, widths)
    except ValueError:  # facts of others
        return {}
    return table


def _of_speech(arguments):
    if arguments.get("standardize", True):
        return {}
    sound = arguments.get("sound", "log_mel")
    return {"audio": {"extractor": sound, "version": EXTRACTORS[sound]}}


def _extracted(folder):
    """Read which extractors made the features in a folder of `kerasfuse extract`."""
    path = folder / FACTS
    if not path.is_file():
        return {}
    plain_files.check(path)
    try:
        streams = json.loads(path.read_text(encoding="utf-8"))["streams"]
        return {
            name: {key: stream[key] for key in _SAID if key in stream}
            for name, stream in streams.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):  # a file of that name by others
        return {}
