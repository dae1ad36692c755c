"""Recordings: from a file of sound or video to streams with times."""

from kerasfuse.recordings.extracting import Extracted, extract
from kerasfuse.recordings.extraction import Extraction
from kerasfuse.recordings.face import face
from kerasfuse.recordings.sound import RATE, Sound, log_mel, prosody
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.words import Transcript, align, read_words, recognize, words_of

__all__ = [
    "RATE",
    "Extracted",
    "Extraction",
    "Sound",
    "Stream",
    "Transcript",
    "align",
    "extract",
    "face",
    "log_mel",
    "prosody",
    "read_words",
    "recognize",
    "words_of",
]
