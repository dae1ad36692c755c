"""CTM, the format of NIST's scoring tools and of Kaldi: a word a line."""

from kerasfuse.recordings.words.transcript import in_order
from kerasfuse.shown import shown


def read_ctm(text, path, name=None):
    """Read the words of one recording.

    A line has recording, channel, start, duration and word, perhaps a confidence. Comments begin
    with `;;`. Of alternatives (`<ALT_BEGIN>`) all words stay.

    Args:
        text: content of the file.
        path: where it stands, for messages.
        name: of the recording, needed where the file has several.

    Returns:
        `Transcript`.

    Raises:
        ValueError: for other lines, and for a file of several recordings without this one.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(";;") or not line.strip():
            continue
        parts = line.split()
        try:
            recording, _, start, duration, word = parts[:5]
            if start == "*":
                continue
            start, duration = float(start), float(duration)
        except ValueError:
            raise ValueError(
                "expected recording, channel, start, duration and word. Received: "
                f"{shown(line)} in line {number} of {str(path)!r}"
            ) from None
        found.setdefault(recording, []).append((word, start, start + duration))
    if len(found) > 1 and name not in found:
        raise ValueError(
            f"expected words of the recording {name!r}. Received: {str(path)!r} with those of "
            f"{', '.join(list(found)[:3])}. Name the recording as the file does."
        )
    rows = found.get(name) or next(iter(found.values()), [])
    return in_order([row[0] for row in rows], [row[1:] for row in rows], "CTM")
