"""Praat's TextGrid files, long and short."""

import re

from kerasfuse.recordings.words.transcript import in_order, spread

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])')
# How tools name the tier of words, best first: MFA, WebMAUS, people.
_TIERS = ("words", "word", "ort-mau", "ort", "orthography", "transcript", "text")
_PHONES = ("phones", "phone", "mau", "segments", "kan-mau", "phonemes")


def read_textgrid(text, path):
    """Read the words of a TextGrid.

    They are those of the tier called words, or by one of the names that aligners give it; else of
    the first tier of intervals that is not called phones. An interval of several words shares its
    time out among them by their letters.

    Args:
        text: content of the file.
        path: where it stands, for messages.

    Returns:
        `Transcript`.

    Raises:
        ValueError: for a file that is no TextGrid or has no tier of intervals.
    """
    # The short form is the long one without the names of its fields.
    tokens = [(word is not None, word, number) for word, number in _tokens(text)]
    values = [word.replace('""', '"') if is_text else float(n) for is_text, word, n in tokens]
    if values[:2] != ["ooTextFile", "TextGrid"]:
        raise ValueError(f"expected a TextGrid of Praat. Received: {str(path)!r}, which is none")
    try:
        tiers = list(_tiers(iter(values[2:])))
    except (StopIteration, RuntimeError, TypeError, ValueError, OverflowError):
        raise ValueError(
            f"expected a whole TextGrid. Received: {str(path)!r}, which breaks off or is damaged. "
            "Save it again from Praat."
        ) from None
    chosen = _chosen(tiers, path)
    words, times = [], []
    for start, end, label in chosen:
        some, theirs = spread(label, start, end)
        words += some
        times += theirs
    return in_order(words, times, "TextGrid")


def _tokens(text):
    for line in text.splitlines():
        # Comments: Praat writes none, but reads them.
        for found in _TOKEN.finditer(line if line.count('"') else line.partition("!")[0]):
            yield found[1], found[2]


def _tiers(values):
    next(values), next(values)  # xmin, xmax
    for _ in range(int(next(values))):
        kind, name = next(values), next(values)
        next(values), next(values)
        rows = []
        for _ in range(int(next(values))):
            if kind == "IntervalTier":
                rows.append((float(next(values)), float(next(values)), str(next(values))))
            else:
                next(values), next(values)
        if kind == "IntervalTier":
            yield str(name), rows


def _chosen(tiers, path):
    by_name = {name.strip().lower(): rows for name, rows in reversed(tiers)}
    for name in _TIERS:
        for found, rows in by_name.items():
            # MFA writes "speaker - words".
            if found == name or found.endswith(f"- {name}"):
                return rows
    for name, rows in tiers:
        if name.strip().lower() not in _PHONES and not name.strip().lower().endswith("- phones"):
            return rows
    raise ValueError(
        f"expected a tier of intervals with words. Received: {str(path)!r} with "
        f"{', '.join(name for name, _ in tiers) or 'none'}. Call the tier words."
    )
