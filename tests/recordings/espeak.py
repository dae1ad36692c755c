"""Speech of espeak-ng, with the times of words that its library tells."""

import ctypes
import ctypes.util
import functools
import re

import numpy as np
import pytest

_SYNCHRONOUS, _WORD, _END, _UTF8 = 2, 1, 0, 1


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


@functools.cache
def library():
    """Load the library, or skip the test; return it and the rate of its samples."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        pytest.skip("espeak-ng, a program that speaks, is not installed")
    espeak = ctypes.CDLL(name)
    return espeak, espeak.espeak_Initialize(_SYNCHRONOUS, 200, None, 0)


def spoken(text, voice="en-us"):
    """Speak a text.

    Returns:
        Samples in [-1, 1], their rate, and the onset of each word in seconds, NaN of words that
        it speaks together with the one before ("of the").
    """
    espeak, rate = library()
    samples, onsets = [], {}

    @ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
    )
    def heard(wave, count, events):
        if count > 0:
            samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        place = 0
        while events[place].type != _END:
            if events[place].type == _WORD:
                onsets[events[place].text_position] = events[place].audio_position / 1000
            place += 1
        return 0

    espeak.espeak_SetSynthCallback(heard)
    espeak.espeak_SetVoiceByName(voice.encode())
    data = text.encode()
    espeak.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, _UTF8, None, None)
    espeak.espeak_Synchronize()
    x = np.concatenate(samples).astype("float32") / 32768
    places = [found.start() + 1 for found in re.finditer(r"\S+", text)]  # it counts from 1
    return x, rate, np.array([onsets.get(place, np.nan) for place in places])
