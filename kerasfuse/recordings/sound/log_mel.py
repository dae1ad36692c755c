"""The log-mel spectrogram of a recording."""

import numpy as np

from kerasfuse.datasets.formats.audio_files import (
    log_mel_unclipped,
    loudness_floor,
    mel_centres,
)
from kerasfuse.recordings.sound.overlapping import overlapping
from kerasfuse.recordings.sound.reading import RATE
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.versions import EXTRACTORS

_BANDS, _WINDOW, _STRIDE = 64, 400, 160
# Of the Fourier transform to either side of the middle of a window.
_REACH = 2


def log_mel(sound):
    """Give 64 log-mel bands a hundred times a second.

    They are those of the data set `ravdess`: windows of 25 ms, HTK's mel scale from 20 Hz to 8 kHz,
    decibels, at most 80 below the loudest of the recording.

    Args:
        sound: `Sound`.

    Returns:
        `Stream`, with no steps of a recording shorter than a window.

    Raises:
        Unreadable: see `Sound.blocks`.

    Example:

    >>> log_mel(Sound("clip.wav")).values.shape  # doctest: +SKIP
    (1001, 64)
    """
    parts = [
        log_mel_unclipped(part, RATE, _BANDS, _WINDOW, _STRIDE)[front : front + count]
        for part, front, count in overlapping(sound.blocks(), _STRIDE, _REACH)
        if len(part) >= _WINDOW
    ]
    values = np.concatenate([np.zeros((0, _BANDS), "float32"), *parts])
    del parts  # an hour has 92 MB of them
    np.maximum(values, loudness_floor(values), out=values)
    columns = tuple(f"mel_{hertz:.0f}_hz" for hertz in mel_centres(RATE, _BANDS))
    times = sound.start + np.arange(len(values)) * (_STRIDE / RATE)
    return Stream(values, times, columns, "log_mel", EXTRACTORS["log_mel"])
