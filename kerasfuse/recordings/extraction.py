"""The streams of one clip, and what decides what they are."""

import dataclasses
import hashlib
import json

import numpy as np

from kerasfuse.checksum import sha256
from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.kinds import check_count, check_path, check_switch
from kerasfuse.nearest_names import choose
from kerasfuse.recordings import versions
from kerasfuse.recordings.faces import face
from kerasfuse.recordings.sound import Sound, log_mel, prosody
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.words import words_of
from kerasfuse.text.spoken_words import SpokenWords
from kerasfuse.text.word_timing import TIMING, word_timing

SOUNDS = {"log_mel": log_mel, "prosody": prosody}
WORDS = ("given", "all", "none")


@dataclasses.dataclass(frozen=True)
class Extraction:
    """Say what is made of clips.

    Args:
        sound: `"log_mel"`, `"prosody"` or `"none"`: what `audio` is.
        words: `"given"` for words of clips with a transcript, `"all"` for speech recognition of the
            others, or `"none"`: whether there are `text` and `timing`.
        face: whether there is `vision`, the measurements of a face.
        encoder: of text, see `kerasfuse.text.TextEncoder`.
        layers: of the encoder, how many of the last ones are averaged.
        speech_model: of speech recognition, see `recognize`.
        face_models: folder with one's own files of the face networks.

    Raises:
        ValueError: for other values, and for nothing to extract.
    """

    sound: str = "log_mel"
    words: str = "given"
    face: bool = False
    encoder: str = "all-MiniLM-L6-v2"
    layers: int = 4
    speech_model: str | None = None
    face_models: str | None = None

    def __post_init__(self):
        choose("sound", self.sound, (*SOUNDS, "none"))
        choose("words", self.words, WORDS)
        check_switch("face", self.face)
        check_count("layers", self.layers)
        check_path("encoder", self.encoder)
        for name in ("speech_model", "face_models"):
            if getattr(self, name) is not None:
                check_path(name, getattr(self, name))
        if self.sound == "none" and self.words == "none" and not self.face:
            raise ValueError(
                "expected something to extract. Received: sound='none', words='none', face=False"
            )

    def key(self, clip):
        """Return what the features of a clip are called: other content, another name."""
        told = {
            "clip": sha256(clip.path),
            "part": [clip.start, clip.end],
            "sound": [self.sound, versions.EXTRACTORS.get(self.sound)],
            "face": [self.face_models, versions.EXTRACTORS["face"]] if self.face else None,
        }
        if self.words != "none":
            given = clip.transcript is not None
            told["words"] = [
                versions.EXTRACTORS["words"],
                # Of several recordings in one file the name tells which.
                [sha256(clip.transcript), clip.path.stem] if given else self.words,
                [self.encoder, self.layers],
                None if given else self.speech_model,
            ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]

    def streams(self, clip):
        """Extract what needs no text encoder.

        Args:
            clip: `Clip`.

        Returns:
            dict of modality to `Stream`, `audio`, `timing` and `vision`, as far as they are asked
            for and there; the list of words beside `timing`; and sentences about the clip.

        Raises:
            Unreadable: for a clip that cannot be used, and for one without any of them.
            ImportError, FileNotFoundError, ValueError: see the extractors.
        """
        streams, words, notes = {}, [], []
        sound = None
        if self.sound != "none" or self.words == "all" or (self._of(clip) and clip.transcript):
            try:
                sound = Sound(clip.path, clip.start, clip.end)
            except Unreadable as error:
                if error.cause != "no sound track" or not self.face:
                    raise
                notes.append("it has no sound track.")
        if sound is not None and sound.is_silent:
            notes.append("its sound is silent all through.")
        elif sound is not None:
            if self.sound != "none":
                streams["audio"] = SOUNDS[self.sound](sound)
            if self._of(clip):
                transcript = words_of(sound, clip.transcript, self.speech_model)
                notes += transcript.notes
                streams["timing"], words = timing_of(transcript, sound)
        if self.face:
            try:
                streams["vision"] = face(clip.path, clip.start, clip.end, models=self.face_models)
                notes += streams["vision"].notes
            except Unreadable as error:
                if error.cause != "no picture":
                    raise
                notes.append("it has no picture.")
        kept = {name: stream for name, stream in streams.items() if len(stream.times)}
        if not kept:
            raise Unreadable(
                f"expected a clip with sound, words or a face. Received: {str(clip.path)!r}: "
                f"{' '.join(notes) or 'it is shorter than a window.'}",
                clip.path,
                "nothing to extract",
                " ".join(notes),
            )
        return kept, words, notes

    def _of(self, clip):
        return self.words == "all" or (self.words == "given" and clip.transcript is not None)


def timing_of(transcript, sound):
    """Give the timing of the words of a clip, and the words as encoders take them.

    Returns:
        `Stream` of `TIMING`, and the list of words.
    """
    spoken = SpokenWords.of_text(transcript.words, transcript.times)
    end = sound.start + sound.seconds
    values = word_timing(spoken.times, np.arange(len(spoken.words)), sound.start, end)
    stream = Stream(
        values,
        spoken.times.mean(axis=1),
        TIMING,
        "word_timing",
        versions.EXTRACTORS["words"],
        (f"words by {transcript.origin}.",),
    )
    return stream, spoken.words
