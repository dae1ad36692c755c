"""What a model says of a recording, utterance by utterance, and which words mattered."""

import dataclasses
import os
import pathlib
import sys

import numpy as np

from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.recordings.extraction import SOUNDS
from kerasfuse.recordings.faces import face
from kerasfuse.recordings.features import BY_WORD
from kerasfuse.recordings.sound import Sound, prosody
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.utterances import by_energy, by_words
from kerasfuse.recordings.words import words_of
from kerasfuse.shown import shown
from kerasfuse.text.spoken_words import SpokenWords
from kerasfuse.text.word_timing import word_timing

# Steps of batches are a multiple of this: few shapes, so few compilations.
_ROUNDING = 32
# Utterances of more words are judged, but their words are not left out one by one.
_MOST_WORDS = 100
# What is made of words alone, whenever they were said.
_OF_WORDS = ("word_vectors", "word_pieces")


@dataclasses.dataclass(frozen=True, eq=False)
class Utterance:
    """Hold what a model says of one utterance.

    Args:
        start, end: seconds.
        words: list of words, as the transcript has them.
        times: array `(words, 2)` of their times.
        outputs: array of the model's outputs.
        influence: array `(words,)`: how much lower the output would be without the word, of
            several outputs the highest one; zeros where that was not computed.
    """

    start: float
    end: float
    words: list[str]
    times: np.ndarray
    outputs: np.ndarray
    influence: np.ndarray

    @property
    def text(self):
        """Its words, with spaces between."""
        return " ".join(self.words)


@dataclasses.dataclass(frozen=True, eq=False)
class RecordingPrediction:
    """Hold what a model says of a recording.

    Args:
        path: the recording.
        utterances: list of `Utterance`, in order of time.
        energy: `Stream` of prosody, for the picture.
        vision: `Stream` of the face, or `None`.
        absent: names of the model's inputs that were absent.
        notes: sentences about the recording.
    """

    path: pathlib.Path
    utterances: list[Utterance]
    energy: Stream
    vision: Stream | None
    absent: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def outputs(self):
        """Array `(utterances, outputs)`."""
        return np.stack([one.outputs for one in self.utterances])

    def figure(self, values=None, names=("score",), title=None):
        """Draw scores, words and sound over time, see `prediction_figure`."""
        from kerasfuse.recordings.figure import prediction_figure

        return prediction_figure(self, values, names, title)


def predict(model, path, transcript=None, *, features=None, speech_model=None, face_models=None):
    """Let a model judge a recording.

    The recording is cut into utterances at pauses, between words and sentences where the model
    takes words, else in the sound. Each is judged by itself. A word's influence is what the output
    loses when the word is left out of the utterance, text and timing made anew.

    Args:
        model: of `kerasfuse.zoo.load`, of an entry that says how its features are made; or the name
            of such an entry, or the folder of a run on extracted clips; or any model, with
            `features`.
        path: a file of sound or video.
        transcript: path of a file of words, see `kerasfuse.recordings.words_of`; by default
            speech recognition, where the model takes words.
        features: `Features`, by default the model's own.
        speech_model, face_models: see `kerasfuse.recordings.recognize` and `face`.

    Returns:
        `RecordingPrediction`.

    Raises:
        ValueError: for a model that does not say how its features are made, for an extractor or
            encoder that is another than the one of training, and for a recording without sound or
            speech.
        FileNotFoundError, ImportError: see the extractors.

    Example:

    >>> model = kerasfuse.zoo.load("text_frozen_mosi_words")  # doctest: +SKIP
    >>> kerasfuse.recordings.predict(model, "clip.wav").outputs  # doctest: +SKIP
    array([[1.2]])
    """
    model = _loaded(model)
    features = _features(model, features)
    path = pathlib.Path(path)
    sound = Sound(path)
    energy = prosody(sound)
    extractors = {name: one["extractor"] for name, one in features.modalities.items()}
    notes, spoken, transcribed = [], None, None
    if set(extractors.values()) & set(BY_WORD):
        transcribed = words_of(sound, transcript, speech_model)
        notes += [*transcribed.notes, f"words by {transcribed.origin}."]
        spoken = SpokenWords.of_text(transcribed.words, transcribed.times)
        bounds = by_words(spoken.times, [transcribed.words[row] for row in spoken.rows])
        if not bounds:
            raise ValueError(
                f"expected speech, for a model that takes words. Received: {str(path)!r}, in which "
                "there is none. Give a transcript, or choose a model of sound alone."
            )
    elif transcript is not None:
        raise ValueError(
            f"expected a transcript for a model that takes words. Received: {str(transcript)!r}, "
            "and a model that takes none. Leave it out."
        )
    else:
        bounds = by_energy(energy)
        if not bounds:
            raise Unreadable(
                f"expected sound. Received: {str(path)!r}, which is silent all through.",
                path,
                "silent",
            )
    vision = None
    if "face" in extractors.values():
        try:
            vision = face(path, models=face_models)
            notes += vision.notes
        except Unreadable as error:
            if error.cause != "no picture":
                raise
            notes.append("it has no picture: the face is absent.")
    made = _Inputs(features, path, spoken, vision, model.modalities)
    utterances = []
    for start, end in bounds:
        # The last word ends where its utterance does.
        rows = spoken.inside(start, end + 1e-6) if spoken else np.zeros(0, int)
        outputs, influence = _judged(model, made, start, end, rows)
        places = spoken.rows[rows] if spoken else rows
        words = [transcribed.words[place] for place in places]
        times = spoken.times[rows] if spoken else np.zeros((0, 2))
        utterances.append(Utterance(start, end, words, times, outputs, influence))
    absent = tuple(name for name in model.modalities if name not in made.seen)
    return RecordingPrediction(path, utterances, energy, vision, absent, tuple(notes))


def predict_text(model, text, *, features=None):
    """Let a model of words judge a sentence that nobody spoke: all but its words is absent.

    A word's influence is what the output loses when the word is left out.

    Args:
        model: of `kerasfuse.zoo.load`, of an entry that says that words are among its features; or
            the name of such an entry; or any model, with `features`.
        text: the sentence.
        features: `Features`, by default the model's own.

    Returns:
        `Utterance`, whose times are 0.

    Raises:
        ValueError: for a model that takes no words, a text without any, and an extractor or
            encoder that is another than the one of training.
        FileNotFoundError, ImportError: see `kerasfuse.text.TextEncoder`.

    Example:

    >>> model = kerasfuse.zoo.load("mica_mosi_words")  # doctest: +SKIP
    >>> kerasfuse.recordings.predict_text(model, "I loved it.").outputs  # doctest: +SKIP
    array([1.9])
    """
    model = _loaded(model)
    features = _features(model, features)
    others = [n for n, one in features.modalities.items() if one["extractor"] not in _OF_WORDS]
    if len(others) == len(features.modalities):
        raise ValueError(
            "expected a model that takes the words of a sentence. Received: "
            f"{type(model).__name__}, whose features are {', '.join(features.modalities)}. Give "
            "it a recording."
        )
    words = str(text).split()
    spoken = SpokenWords.of_text(words, np.zeros((len(words), 2)))
    if not spoken.words:
        raise ValueError(f"expected a sentence with words. Received: {shown(text)}.")
    features = dataclasses.replace(features, absent=(*features.absent, *others))
    made = _Inputs(features, None, spoken, None, model.modalities)
    rows = np.arange(len(spoken.words))
    outputs, influence = _judged(model, made, 0.0, 0.0, rows)
    said = [words[place] for place in spoken.rows]
    return Utterance(0.0, 0.0, said, spoken.times, outputs, influence)


def _loaded(model):
    if not isinstance(model, str | os.PathLike):
        return model
    # Recordings lie below models and the zoo; the package has told models who loads a name.
    return sys.modules["kerasfuse"].models.FusionModel.from_preset(model)


def _features(model, features):
    features = features or getattr(model, "recording_features", None)
    if features is None:
        raise ValueError(
            "expected a model of an entry with [features], which says how its inputs are made of a "
            f"recording. Received: {type(model).__name__} without. Give features=..., or choose "
            "another entry."
        )
    features.check_versions()
    return features


def _judged(model, made, start, end, rows):
    """Give the outputs for some words, and what each word is worth."""
    variants = [rows]
    if 1 < len(rows) <= _MOST_WORDS:
        variants += [np.delete(rows, i) for i in range(len(rows))]
    outputs, *without = _outputs(model, made(start, end, variants))
    influence = np.zeros(len(rows))
    if without:
        place = outputs.argmax()
        influence = outputs[place] - np.array([x[place] for x in without])
    return outputs, influence


class _Inputs:
    """Make the inputs of a model for an utterance."""

    def __init__(self, features, path, spoken, vision, widths):
        self._features, self._path, self._spoken = features, path, spoken
        self._vision, self._widths = vision, widths
        self._encoder = None
        self.seen = set()

    def __call__(self, start, end, variants):
        """Return a dict of inputs for each of several choices among the words."""
        found = [{} for _ in variants]
        for name, width in self._widths.items():
            for inputs, x in zip(found, self._made(name, start, end, variants), strict=True):
                inputs[name] = self._fitted(name, width, x)
        return found

    def _fitted(self, name, width, x):
        if x is None or not len(x):
            return np.zeros((1, width), "float32") if width is not None else np.zeros(1, "int32")
        if width is None:  # ids
            self.seen.add(name)
            return x
        if x.shape[1] != width:
            raise ValueError(
                f"expected {name!r} to be {width} wide, as the model takes it. Received: "
                f"{x.shape[1]} columns of {self._features.modalities[name]['extractor']}."
            )
        self.seen.add(name)
        return self._features.scaled(name, x)

    def _made(self, name, start, end, variants):
        if name in self._features.absent:
            return [None] * len(variants)
        one = self._features.modalities[name]
        extractor = one["extractor"]
        if extractor in _OF_WORDS:
            # All at once: an encoder is fast in batches.
            encoder, texts = self._encoder_of(one), self._texts(variants)
            return encoder.words(texts) if extractor == "word_vectors" else encoder.ids(texts)
        if extractor == "word_timing":
            return self._timings(start, end, variants)
        if extractor == "face":
            face = None if self._vision is None else self._vision.between(start, end).values
            return [face] * len(variants)
        return [SOUNDS[extractor](Sound(self._path, start, end)).values] * len(variants)

    def _texts(self, variants):
        return [[self._spoken.words[row] for row in rows] for rows in variants]

    def _timings(self, start, end, variants):
        """Give the timing of words, or of their pieces where the model reads these."""
        found = [self._timing(start, end, rows) for rows in variants]
        pieces = [
            one
            for name, one in self._features.modalities.items()
            if one["extractor"] == "word_pieces" and name not in self._features.absent
        ]
        if not pieces:
            return found
        words = self._encoder_of(pieces[0]).offsets(self._texts(variants))
        # The special tokens at both ends take no time.
        return [np.pad(x[word], ((1, 1), (0, 0))) for x, word in zip(found, words, strict=True)]

    def _timing(self, start, end, rows):
        # A word that is left out was never said: its time is a pause.
        times = self._spoken.times
        others = np.setdiff1d(self._spoken.inside(start, end + 1e-6), rows)
        kept = np.delete(np.arange(len(times)), others)
        return word_timing(times[kept], np.searchsorted(kept, rows), start, end)

    def _encoder_of(self, one):
        if self._encoder is None:
            from kerasfuse.text import TextEncoder

            self._encoder = TextEncoder(one["encoder"], one.get("layers", 1))
            if self._encoder.sha256 != one["sha256"]:
                raise ValueError(
                    f"expected a text encoder with the sha256 {one['sha256']}, which the weights "
                    f"were trained with. Received: {one['encoder']!r}, whose sha256 is "
                    f"{self._encoder.sha256}."
                )
        return self._encoder


def _outputs(model, samples):
    """Give the outputs `(samples, outputs)` of a model, padded to few shapes."""
    batch = {}
    longest = {name: max(len(sample[name]) for sample in samples) for name in samples[0]}
    if getattr(model, "word_aligned", False):  # an absent modality has as many steps as others
        longest = dict.fromkeys(longest, max(longest.values()))
    for name, first in samples[0].items():
        steps = -(-longest[name] // _ROUNDING) * _ROUNDING
        x = np.zeros((len(samples), steps, *first.shape[1:]), first.dtype)
        for row, sample in enumerate(samples):
            x[row, : len(sample[name])] = sample[name]
        batch[name] = x
    return np.asarray(model.predict(batch, verbose=0), "float64").reshape(len(samples), -1)
