"""Recordings: from a file of sound or video to streams with times."""

from kerasfuse.recordings.extracting import Extracted, extract
from kerasfuse.recordings.extraction import Extraction
from kerasfuse.recordings.faces import face
from kerasfuse.recordings.features import Features
from kerasfuse.recordings.figure import prediction_figure
from kerasfuse.recordings.predicting import (
    RecordingPrediction,
    Utterance,
    predict,
    predict_text,
)
from kerasfuse.recordings.sound import RATE as RATE
from kerasfuse.recordings.sound import Sound, log_mel, prosody
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.words import Transcript, align, read_words, recognize, words_of

__all__ = [
    "Features",
    "RecordingPrediction",
    "Utterance",
    "Extracted",
    "Extraction",
    "Sound",
    "Stream",
    "Transcript",
    "align",
    "extract",
    "face",
    "log_mel",
    "predict",
    "predict_text",
    "prediction_figure",
    "prosody",
    "read_words",
    "recognize",
    "words_of",
]
