"""Resampling in blocks against scipy's resampling of the whole."""

import numpy as np
import pytest
from scipy import signal

from kerasfuse.recordings.sound import resampling
from kerasfuse.recordings.sound.overlapping import overlapping


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("seconds", [0.01, 3.7])
def test_blocks_give_what_the_whole_does(monkeypatch, rate, seconds):
    monkeypatch.setattr(resampling, "_BLOCK", 5000)
    rng = np.random.default_rng(0)
    x = rng.normal(size=round(rate * seconds)).astype("float32")
    blocks = np.split(x, np.sort(rng.integers(0, len(x), 9)))
    found = np.concatenate(list(resampling.resampled(blocks, rate, 16000)))
    divisor = int(np.gcd(rate, 16000))
    expected = signal.resample_poly(x, 16000 // divisor, rate // divisor)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("length", [1, 99, 100, 101, 1234, 5000])
def test_every_step_is_in_one_part_with_its_neighbours(length):
    x = np.arange(length, dtype="float32")
    blocks = np.split(x, [length // 3, length // 2])
    steps = []
    for part, front, count in overlapping(blocks, 10, 2, steps=7):
        middles = [part[0] + 10 * i for i in range(front, front + count)]
        for middle in map(int, middles):
            window = np.arange(max(0, middle - 20), min(length, middle + 21))
            assert set(window) <= set(part)
        steps += middles
    assert steps == list(range(0, length + 1, 10))


def test_no_sound_has_no_part():
    assert not list(overlapping([np.zeros(0, "float32")], 10, 2))
