"""What speech recognizers and aligners write as JSON: whisper, faster-whisper, WhisperX, gentle."""

import json

import numpy as np

from kerasfuse.recordings.words.transcript import in_order, spread
from kerasfuse.shown import shortened


def read_json(text, path):
    """Read words with their times.

    - whisper, faster-whisper and WhisperX: `segments` with `words`, each with `word`, `start` and
      `end`; a segment without words shares its time out among those of its text;
    - a list of such segments, or of words;
    - gentle: `words`, whose words that it did not find take the times between their neighbours.

    Args:
        text: content of the file.
        path: where it stands, for messages.

    Returns:
        `Transcript`.

    Raises:
        ValueError: for other files.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"expected JSON. Received: {str(path)!r} ({shortened(str(error))})"
        ) from error
    try:
        rows = list(_rows(document))
        words = [str(word) for word, _, _ in rows]
        times = np.array([(np.nan if x is None else x) for _, *pair in rows for x in pair], float)
    # A number, say, where a table or a name should be.
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(
            "expected words with start and end, as whisper, faster-whisper, WhisperX or gentle "
            f"write them. Received: {str(path)!r} ({type(error).__name__}: "
            f"{shortened(str(error))})"
        ) from error
    times = times.reshape(-1, 2)
    unknown = ~np.isfinite(times).all(axis=1)
    if len(words) and unknown.all():
        raise ValueError(
            f"expected times of words. Received: {str(path)!r}, which has none of "
            f"{len(words):,} words"
        )
    notes = []
    if unknown.any():
        notes.append(f"{int(unknown.sum()):,} words have no times: they lie between the others.")
        times = filled(times)
    return in_order(words, times, "JSON", notes)


def _rows(document):
    if isinstance(document, dict):
        if document.get("segments"):
            document = document["segments"]
        elif "words" in document or "word_segments" in document:
            document = document.get("words", document.get("word_segments"))
        else:
            raise KeyError("no segments and no words")
    for one in document:
        if one.get("words"):
            yield from _rows(one["words"])
        elif "text" in one and "word" not in one:
            some, times = spread(one["text"], float(one["start"]), float(one["end"]))
            yield from ((word, *pair) for word, pair in zip(some, times, strict=True))
        else:
            yield one["word"], one.get("start"), one.get("end")


def filled(times):
    """Give words without times what lies between their neighbours, shared out evenly.

    Args:
        times: array `(words, 2)`; rows that are not finite are unknown. One at least is known.

    Returns:
        Array `(words, 2)`. Unknown words at the ends take the time of the next one known.
    """
    times = np.array(times, "float64")
    known = np.flatnonzero(np.isfinite(times).all(axis=1))
    for before, after in zip([-1, *known], [*known, len(times)], strict=True):
        gap = after - before - 1
        if gap:
            start = times[before, 1] if before >= 0 else times[after, 0]
            end = times[after, 0] if after < len(times) else start
            edges = np.linspace(start, max(start, end), gap + 1)
            times[before + 1 : after, 0], times[before + 1 : after, 1] = edges[:-1], edges[1:]
    return times
