"""Captions: .srt and .vtt files."""

import html
import re

from kerasfuse.recordings.words.transcript import in_order, spread
from kerasfuse.shown import shown

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_CUE = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}", re.MULTILINE)
_INLINE = re.compile(rf"<{_TIME}>")
# <i>, </v>, <v Speaker>, <c.yellow>, <font ...>, {\an8}
_TAG = re.compile(r"<[^<>]*>|\{[^{}]*\}")
# What is heard and not said: [music], (laughs), notes; and who speaks: ">> ", "- ", "ANNA: ".
_NOT_SAID = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|[♪♫#]+")
_SPEAKER = re.compile(r"^\s*(?:>>+|[-–—])?\s*(?:[A-Z][A-Z .'-]{1,30}:\s)?", re.MULTILINE)


def read_captions(text, path):
    """Read the words of captions.

    A caption has one start and one end; they are shared out among its words by their letters,
    unless the file has times of single words, as those of some video sites. Tags, descriptions of
    sounds in brackets and names of speakers are left out. Where captions overlap, the earlier one
    ends where the next begins; a line that a caption repeats of the one before counts once.

    Args:
        text: content of the file.
        path: where it stands, for messages.

    Returns:
        `Transcript`.

    Raises:
        ValueError: for a file without captions, and for one that ends before it starts.
    """
    cues, before = [], []
    for start, end, body in _cues(text, path):
        lines = [line for line in body.splitlines() if _plain(line)]
        plain = [_plain(line) for line in lines]
        # Captions that roll show the line before once more, above or alone.
        rolled = 0
        while rolled < len(plain) and plain[rolled] in before:
            rolled += 1
        before = plain or before
        if lines[rolled:]:
            cues.append([start, end, "\n".join(lines[rolled:])])
    cues.sort(key=lambda cue: cue[0])
    overlaps = 0
    for cue, following in zip(cues, cues[1:], strict=False):
        if cue[0] < following[0] < cue[1]:
            cue[1] = following[0]
            overlaps += 1
    words, times = [], []
    for start, end, body in cues:
        for some, theirs in _timed(body, start, end):
            words += some
            times += theirs
    notes = [f"{overlaps:,} captions end where the next begins: they overlapped."] * (overlaps > 0)
    return in_order(words, times, "captions", notes)


def _cues(text, path):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = list(_CUE.finditer(text))
    if not found:
        raise ValueError(
            f"expected captions, with times such as 00:00:01,000 --> 00:00:02,500. Received: "
            f"{str(path)!r} without any"
        )
    ends = [cue.start() for cue in found[1:]] + [len(text)]
    for cue, stop in zip(found, ends, strict=True):
        start, end = _seconds(cue.groups()[:4]), _seconds(cue.groups()[4:])
        if end < start:
            line = text.count("\n", 0, cue.start()) + 1
            raise ValueError(
                f"expected captions that end after they start. Received: "
                f"{shown(cue[0].strip())} in line {line} of {str(path)!r}"
            )
        # Settings of a cue stand on its line; its text ends at an empty one.
        _, _, body = text[cue.end() : stop].partition("\n")
        yield start, end, re.split(r"\n\s*\n", body)[0]


def _timed(body, start, end):
    """Give words and times between the times that stand in a caption."""
    marks = list(_INLINE.finditer(body))
    starts = [start, *(_seconds(mark.groups()) for mark in marks)]
    edges = [0, *(mark.start() for mark in marks), len(body)]
    for i, first in enumerate(starts):
        stop = starts[i + 1] if i + 1 < len(starts) else max(end, first)
        yield spread(_plain(body[edges[i] : edges[i + 1]]), first, stop)


def _plain(text):
    text = html.unescape(_TAG.sub("", text))
    return " ".join(_SPEAKER.sub("", _NOT_SAID.sub(" ", text)).split())


def _seconds(parts):
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")
