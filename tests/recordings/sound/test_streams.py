"""What is made of sound, against closed forms: tones, a chirp, noise and silence."""

import keras
import numpy as np
import pytest

from kerasfuse.datasets.formats import audio_files
from kerasfuse.recordings import RATE, Stream, log_mel, prosody
from kerasfuse.recordings.sound.prosody import COLUMNS

ENERGY, PITCH, VOICING, CENTROID, FLUX = range(5)


class Samples:
    """Sound that no file holds."""

    start = 0.0

    def __init__(self, x, block=7001):
        self.x, self.block = np.asarray(x, "float32"), block

    def blocks(self):
        for first in range(0, len(self.x), self.block):
            yield self.x[first : first + self.block]


def tone(hertz, seconds=2.0, harmonics=1):
    t = np.arange(round(RATE * seconds)) / RATE
    return 0.3 * sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, harmonics + 1))


def inside(stream):
    """Windows that reach over no end."""
    return stream.values[2:-2]


@pytest.mark.parametrize("hertz", [70, 100, 123.4, 220, 333, 480])
@pytest.mark.parametrize("harmonics", [1, 8])
def test_pitch_of_a_tone(hertz, harmonics):
    found = inside(prosody(Samples(tone(hertz, harmonics=harmonics))))
    np.testing.assert_allclose(found[:, PITCH], hertz, rtol=0.01)
    assert (found[:, VOICING] > 0.9).all()


def test_energy_and_centroid_of_a_tone():
    # Sine of amplitude .3: root mean square .3 / sqrt 2. 1000 Hz is no pitch of a voice, but its
    # fifth subharmonic, 200 Hz, has the same period.
    found = inside(prosody(Samples(tone(1000))))
    np.testing.assert_allclose(found[:, ENERGY], 20 * np.log10(0.3 / np.sqrt(2)), atol=0.01)
    np.testing.assert_allclose(found[:, CENTROID], 1000, rtol=0.005)
    np.testing.assert_allclose(found[:, FLUX], 0, atol=1e-3)


def test_pitch_follows_a_chirp():
    t = np.arange(4 * RATE) / RATE
    chirp = 0.5 * np.sin(2 * np.pi * (100 * t + 0.5 * 50 * t**2))  # 100 Hz, 50 Hz more a second
    stream = prosody(Samples(chirp))
    np.testing.assert_allclose(inside(stream)[:, PITCH], (100 + 50 * stream.times)[2:-2], rtol=0.02)


def test_noise_has_no_pitch_and_the_middle_of_its_band():
    found = inside(prosody(Samples(0.1 * np.random.default_rng(0).normal(size=3 * RATE))))
    assert np.mean(found[:, PITCH] > 0) < 0.1
    np.testing.assert_allclose(found[:, CENTROID].mean(), 4000, rtol=0.03)
    assert (found[:, FLUX] > 0.3).all()


def test_silence():
    stream = prosody(Samples(np.zeros(RATE)))
    np.testing.assert_array_equal(stream.values, [[-80, 0, 0, 0, 0]] * 21)
    assert len(set(log_mel(Samples(np.zeros(RATE))).values.ravel().tolist())) == 1


def test_flux_of_another_tone():
    # Two tones far apart share no frequency: the distance of two orthogonal vectors of length 1.
    x = np.concatenate([tone(300, 1.0), tone(3000, 1.0)])
    flux = prosody(Samples(x)).values[:, FLUX]
    jump = np.sqrt(np.sum(np.diff(flux[17:24]) ** 2))
    assert jump > 0.5 and flux.argmax() in (20, 21)


def test_times_are_the_middles_of_windows():
    for stream, rate in ((prosody(Samples(tone(200))), 20), (log_mel(Samples(tone(200))), 100)):
        np.testing.assert_allclose(stream.times, np.arange(len(stream.times)) / rate)
        assert len(stream.times) == 2 * rate + 1
        assert len(set(stream.columns)) == stream.values.shape[1]
    assert prosody(Samples(tone(200))).columns == COLUMNS


@pytest.mark.parametrize("seconds", [0.02, 0.5, 70.0])
def test_log_mel_in_blocks_is_that_of_the_whole(seconds):
    rng = np.random.default_rng(1)
    # Loud at the end: what is cut off at the beginning depends on it.
    x = rng.normal(size=round(RATE * seconds)) * np.geomspace(1e-6, 0.3, round(RATE * seconds))
    expected = []
    if len(x) >= 400:
        layer = keras.layers.MelSpectrogram(
            fft_length=512,
            sequence_length=400,
            sequence_stride=160,
            sampling_rate=RATE,
            num_mel_bins=64,
        )
        expected = keras.ops.convert_to_numpy(layer(x.astype("float32"))).T
        whole = audio_files.log_mel(x.astype("float32"), RATE, 64, 400, 160)
        np.testing.assert_allclose(whole, expected, atol=1e-3)
    found = log_mel(Samples(x)).values
    assert len(found) == len(expected)
    if len(expected):
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_log_mel_names_the_band_of_a_tone():
    stream = log_mel(Samples(tone(440)))
    band = stream.columns[stream.values.mean(axis=0).argmax()]
    hertz = float(band.removeprefix("mel_").removesuffix("_hz"))
    np.testing.assert_allclose(hertz, 440, rtol=0.06)


def test_prosody_in_blocks_is_that_of_the_whole():
    x = np.random.default_rng(2).normal(size=400_000) * 0.1
    small, whole = (prosody(Samples(x, block)) for block in (999, len(x)))
    np.testing.assert_allclose(small.values, whole.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(prosody(Samples(x)).values, prosody(Samples(x)).values)


def test_a_stream_is_of_one_piece():
    with pytest.raises(ValueError, match=r"3 steps and 1 columns.*shape \(2, 1\)"):
        Stream(np.zeros((2, 1), "float32"), np.zeros(3), ("a",), "x", "1")
    stream = Stream(np.arange(4.0)[:, None], np.arange(4.0), ("a",), "x", "1")
    assert stream.between(1, 3).values.ravel().tolist() == [1, 2]
