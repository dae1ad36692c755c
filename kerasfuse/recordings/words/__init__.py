"""Words with times: captions, aligners' and recognizers' files, plain text, or nothing."""

from kerasfuse.recordings.words.alignment import align
from kerasfuse.recordings.words.reading import read_words, words_of
from kerasfuse.recordings.words.recognition import recognize
from kerasfuse.recordings.words.transcript import Transcript

__all__ = ["Transcript", "align", "read_words", "recognize", "words_of"]
