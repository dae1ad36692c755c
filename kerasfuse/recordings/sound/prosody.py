"""How something is said: loudness, pitch and the shape of the spectrum, in numpy."""

import numpy as np

from kerasfuse.recordings.sound.overlapping import overlapping
from kerasfuse.recordings.sound.reading import RATE
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.versions import EXTRACTORS

COLUMNS = ("energy_db", "pitch_hz", "voicing", "centroid_hz", "flux")
STRIDE = 800
_WINDOW = 1024
_REACH = 2
_LOWEST, _HIGHEST = 60.0, 500.0
# Energy of silence, and below which no pitch is looked for, in decibels of full scale.
_FLOOR, _QUIET = -80.0, -60.0
# Autocorrelation from which a window counts as voiced, and what an octave further down costs: of
# two periods that explain a window equally well the shorter one is the pitch.
_VOICED, _OCTAVE = 0.5, 0.05


def prosody(sound):
    """Give five numbers twenty times a second, of windows of 64 ms.

    - `energy_db`: 20 log10 of the root mean square, in decibels of full scale, -80 at least;
    - `pitch_hz`: the fundamental frequency from 60 to 500 Hz, 0 where a window is not voiced. It is
      the highest peak of the autocorrelation of the window, divided by that of the window function
      (Boersma, 1993, "Accurate short-term analysis of the fundamental frequency");
    - `voicing`: the height of that peak, from 0 to 1, 0 in quiet windows;
    - `centroid_hz`: the mean frequency, weighted by the magnitudes of the spectrum;
    - `flux`: the Euclidean distance of the spectrum, scaled to length 1, to the one before.

    Args:
        sound: `Sound`.

    Returns:
        `Stream`. In silence energy is -80 and all else 0.

    Raises:
        Unreadable: see `Sound.blocks`.

    Example:

    >>> prosody(Sound("clip.wav")).columns[:2]  # doctest: +SKIP
    ('energy_db', 'pitch_hz')
    """
    parts = [
        _measured(part)[front : front + count]
        for part, front, count in overlapping(sound.blocks(), STRIDE, _REACH)
    ]
    values = np.concatenate([np.zeros((0, len(COLUMNS))), *parts]).astype("float32")
    if len(values):
        values[0, COLUMNS.index("flux")] = 0  # nothing was before
    times = sound.start + np.arange(len(values)) * (STRIDE / RATE)
    return Stream(values, times, COLUMNS, "prosody", EXTRACTORS["prosody"])


def _measured(x):
    count = len(x) // STRIDE + 1
    padded = np.pad(x.astype("float64"), (_WINDOW // 2, _WINDOW // 2 + STRIDE))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::STRIDE][:count]
    energy = np.sqrt(np.mean(windows**2, axis=1))
    energy = np.maximum(20 * np.log10(np.maximum(energy, 1e-12)), _FLOOR)
    shape = np.hanning(_WINDOW + 1)[:-1]
    magnitude = np.abs(np.fft.rfft((windows - windows.mean(axis=1, keepdims=True)) * shape, axis=1))
    magnitude[energy <= _FLOOR] = 0
    total = magnitude.sum(axis=1)
    frequency = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    centroid = magnitude @ frequency / np.maximum(total, 1e-12)
    length = np.linalg.norm(magnitude, axis=1, keepdims=True)
    direction = magnitude / np.maximum(length, 1e-12)
    flux = np.linalg.norm(np.diff(direction, axis=0, prepend=direction[:1]), axis=1)
    pitch, voicing = _pitch(windows, shape)
    quiet = energy < _QUIET
    pitch[quiet], voicing[quiet] = 0, 0
    return np.stack([energy, pitch, voicing, centroid, flux], axis=1)


def _pitch(windows, shape):
    centred = (windows - windows.mean(axis=1, keepdims=True)) * shape
    correlation = _autocorrelation(centred) / _autocorrelation(shape[None])
    correlation /= np.maximum(correlation[:, :1], 1e-12)
    # One lag more on either side, for the parabola.
    first, last = int(RATE / _HIGHEST) - 1, int(np.ceil(RATE / _LOWEST)) + 1
    some = correlation[:, first : last + 1]
    lags = np.arange(first, last + 1)
    middle = some[:, 1:-1]
    peak = (middle >= some[:, :-2]) & (middle > some[:, 2:])
    score = np.where(peak, middle - _OCTAVE * np.log2(lags[1:-1] / lags[1]), -np.inf)
    place = score.argmax(axis=1)
    row = np.arange(len(some))
    before, at, after = (some[row, place + i] for i in range(3))
    curve = before - 2 * at + after
    shift = np.where(curve < 0, 0.5 * (before - after) / np.where(curve < 0, curve, 1), 0)
    height = np.clip(at - 0.25 * (before - after) * shift, 0, 1)
    voiced = peak.any(axis=1) & (height >= _VOICED)
    pitch = np.where(voiced, RATE / (lags[place + 1] + shift), 0)
    return pitch, np.where(peak.any(axis=1), height, 0)


def _autocorrelation(x):
    size = 2 * _WINDOW
    return np.fft.irfft(np.abs(np.fft.rfft(x, size, axis=1)) ** 2, size, axis=1)[:, : _WINDOW // 2]
