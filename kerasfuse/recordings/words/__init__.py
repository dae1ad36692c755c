"""Words with times: captions, aligners' and recognizers' files, plain text, or nothing."""

from kerasfuse.recordings.words.alignment import align as align
from kerasfuse.recordings.words.reading import read_words as read_words
from kerasfuse.recordings.words.reading import words_of as words_of
from kerasfuse.recordings.words.recognition import recognize as recognize
from kerasfuse.recordings.words.transcript import Transcript as Transcript
