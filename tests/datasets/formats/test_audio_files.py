"""Sounds as they circulate: whole, broken off, silent, and with headers that do not know."""

import struct

import numpy as np
import pytest

from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.datasets.formats import audio_files
from kerasfuse.datasets.formats.wav_header import promised_and_present

soundfile = pytest.importorskip("soundfile")

RATE = 16000
WAVS = {
    "16 bits": {"subtype": "PCM_16"},
    "8 bits": {"subtype": "PCM_U8"},
    "24 bits": {"subtype": "PCM_24"},
    "float": {"subtype": "FLOAT"},
    "ADPCM": {"subtype": "IMA_ADPCM"},
    "extensible": {"format": "WAVEX", "subtype": "PCM_16"},
    "64 bits of size": {"format": "RF64", "subtype": "PCM_16"},
    "big-endian": {"endian": "BIG", "subtype": "PCM_16"},
}


def noise(count, seed=0, channels=()):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (count, *channels))


@pytest.mark.parametrize("kind", WAVS)
def test_files_that_break_off_are_refused(tmp_path, kind):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(4001), RATE, **WAVS[kind])
    data = path.read_bytes()
    promised, present = promised_and_present(path)
    assert 0 <= present - promised < 100  # nothing, or a chunk of tags behind the sound
    whole = audio_files.read_sound(path, RATE)
    path.write_bytes(data + b"LIST\4\0\0\0abcd")
    np.testing.assert_array_equal(audio_files.read_sound(path, RATE), whole)
    behind = present - promised
    for lost in (1, promised // 3, promised - 1, promised):
        path.write_bytes(data[: len(data) - behind - lost])
        assert promised_and_present(path) == (promised, promised - lost)
        with pytest.raises(Unreadable, match=f"promises.*a.wav'.*after {promised - lost:,}.") as e:
            audio_files.read_sound(path, RATE)
        assert e.value.cause == "truncated"


def test_flac_that_breaks_off_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(20000), RATE)
    data = path.read_bytes()
    assert promised_and_present(path) is None
    assert len(audio_files.read_sound(path, RATE)) == 20000
    for share in (0.1, 0.4, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(Unreadable, match="a.flac', which is none"):
            audio_files.read_sound(path, RATE)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x7FFFFFFF - 36, 0x80000000])
def test_headers_that_were_written_into_a_pipe_promise_nothing(tmp_path, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(4000), RATE)
    whole = audio_files.read_sound(path, RATE)
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", size)
    path.write_bytes(data)
    assert promised_and_present(path) is None
    np.testing.assert_array_equal(audio_files.read_sound(path, RATE), whole)


def test_chunks_before_the_sound_are_passed_over(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(4000), RATE)
    data = path.read_bytes()
    # Chunks are padded to even sizes; this one holds what looks like another.
    tags = b"LIST" + struct.pack("<I", 13) + b"data\xff\xff\0\0abcde" + b"\0"
    path.write_bytes(data[:36] + tags + data[36:])
    assert promised_and_present(path) == (8000, 8000)
    path.write_bytes(data[:36] + tags + data[36:-2])
    assert promised_and_present(path) == (8000, 7998)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(2000),
        np.full(2000, 0.25),  # an offset is no sound
        np.random.default_rng(0).integers(-1, 2, 2000) / 2**15,  # dither
        noise(2000)[:, None] * [1, -1],  # one channel takes the other away
    ],
    ids=["zeros", "offset", "dither", "opposite channels"],
)
def test_silence_is_refused(tmp_path, x):
    soundfile.write(tmp_path / "a.wav", x, RATE)
    with pytest.raises(Unreadable, match="a.wav', which is silent") as told:
        audio_files.read_sound(tmp_path / "a.wav", RATE)
    assert told.value.cause == "silent"


def test_faint_and_partly_silent_sounds_pass(tmp_path):
    x = np.zeros(2000)
    x[1000:1010] = 0.1
    for sound in (x, noise(2000) / 2000):
        soundfile.write(tmp_path / "a.wav", sound, RATE)
        np.testing.assert_allclose(
            audio_files.read_sound(tmp_path / "a.wav", RATE), sound, atol=2.0**-15
        )


def test_shorter_than_a_frame(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(400), RATE)
    assert len(audio_files.read_sound(path, RATE, 400)) == 400
    with pytest.raises(Unreadable, match="of 50 ms or more.*a.wav' of 25 ms"):
        audio_files.read_sound(path, RATE, 800)
    # Compared at the rate that is asked for.
    assert len(audio_files.read_sound(path, 2 * RATE, 800)) == 800
    with pytest.raises(Unreadable, match="23 ms or more.*of 20 ms"):
        soundfile.write(path, noise(320), RATE)
        audio_files.log_spectrogram(path, 22050, 1, 512, 353)


def test_the_odd_short_sound(shared_data):
    path = shared_data.parent / "odd_inputs" / "ten_ms.wav"
    if not path.is_file():
        pytest.skip(f"no odd file at {path}")
    with pytest.raises(Unreadable, match="25 ms or more.*ten_ms.wav' of 10 ms"):
        audio_files.read_sound(path, RATE, 400)


def test_images_that_break_off_are_refused(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype="uint8")
    for suffix in ("png", "jpg"):
        path = tmp_path / f"a.{suffix}"
        image.fromarray(pixels).save(path)
        data = path.read_bytes()
        assert audio_files.read_image(path, 8).shape == (8, 8, 3)
        for share in (0, 0.01, 0.3, 0.9):
            path.write_bytes(data[: int(share * len(data))])
            with pytest.raises(Unreadable, match=f"a.{suffix}', which is none"):
                audio_files.read_image(path, 8)
        # Errors of other kinds than Pillow's own come up, too.
        rng = np.random.default_rng(1)
        for _ in range(200):
            broken = bytearray(data)
            for place in rng.integers(0, 120, 3):
                broken[place] = rng.integers(256)
            path.write_bytes(broken)
            try:
                audio_files.read_image(path, 8)
            except Unreadable as error:
                assert error.cause == "cannot be read"
