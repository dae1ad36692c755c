"""Files of sound, good and bad, each made here."""

import os
import pathlib
import wave

import numpy as np
import pytest
from recordings.videos import tone, write_video

from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.recordings import RATE, Sound, log_mel, prosody

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
DATA = os.environ.get("KERASFUSE_DATA") or pathlib.Path(__file__).parents[4] / "shared/data"
ODD = pathlib.Path(DATA).parent / "odd_inputs"


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_plain_files(tmp_path, suffix, rate):
    file = tmp_path / f"tone{suffix}"
    soundfile.write(file, tone(rate, channels=2), rate)
    sound = Sound(file)
    assert sound.found_rate == rate and not sound.is_silent
    np.testing.assert_allclose(sound.seconds, 1.5, atol=0.1)
    pitch = prosody(sound).values[5:-5, 1]
    np.testing.assert_allclose(pitch, 220, rtol=0.02)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_the_sound_of_videos(tmp_path, suffix):
    sound = Sound(write_video(tmp_path / f"clip{suffix}"))
    np.testing.assert_allclose(sound.seconds, 1.5, atol=0.1)
    np.testing.assert_allclose(prosody(sound).values[5:-5, 1], 220, rtol=0.02)


def test_sound_that_begins_after_the_picture_keeps_its_time(tmp_path):
    sound = Sound(write_video(tmp_path / "clip.mkv", late=0.5))
    energy = prosody(sound)
    loud = energy.times[energy.values[:, 0] > -30]
    np.testing.assert_allclose(loud[0], 0.5, atol=0.06)


def test_a_part_of_a_recording_has_the_times_of_the_whole(tmp_path):
    x = np.concatenate([tone(RATE, 1.0, 150), tone(RATE, 1.0, 300)])
    soundfile.write(tmp_path / "two.wav", x, RATE)
    part = prosody(Sound(tmp_path / "two.wav", 1.0, 1.8))
    np.testing.assert_allclose(part.times[[0, -1]], [1.0, 1.8])
    np.testing.assert_allclose(part.values[2:-2, 1], 300, rtol=0.01)
    np.testing.assert_allclose(Sound(tmp_path / "two.wav", 1.0, 9).seconds, 1.0)


def test_96_khz_and_8_khz_give_the_same_features_below_4_khz(tmp_path):
    found = []
    for rate in (8000, 96000):
        soundfile.write(tmp_path / f"{rate}.wav", tone(rate), rate, subtype="FLOAT")
        found.append(prosody(Sound(tmp_path / f"{rate}.wav")).values[3:-3, :3])
    np.testing.assert_allclose(*found, atol=0.1)


def test_silence_is_told(tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    sound = Sound(tmp_path / "silent.wav")
    assert sound.is_silent and sound.seconds == 1.0
    assert set(prosody(sound).values[:, 0].tolist()) == {-80}


def test_the_same_bits_twice(tmp_path):
    soundfile.write(
        tmp_path / "noise.wav", np.random.default_rng(0).normal(size=44100) * 0.1, 44100
    )
    for extract in (log_mel, prosody):
        first, second = (extract(Sound(tmp_path / "noise.wav")).values for _ in range(2))
        np.testing.assert_array_equal(first, second)


def cut_off_wav(folder):
    with wave.open(str(folder / "cut.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((tone(RATE)[:, 0] * 32767).astype("<i2").tobytes())
    return cut(folder / "cut.wav")


def cut_off_flac(folder):
    soundfile.write(folder / "cut.flac", np.random.default_rng(0).normal(size=RATE) * 0.1, RATE)
    return cut(folder / "cut.flac")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def text(folder, suffix):
    (folder / f"text{suffix}").write_text("this is no recording\n" * 50)
    return folder / f"text{suffix}"


def picture(folder):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pytest.importorskip("av", reason="PyAV is not installed")
    pillow.new("RGB", (64, 48)).save(folder / "still.jpg")
    return folder / "still.jpg"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: text(f, ".mp4"), "as the name of a .mp4 file promises.*text.mp4"),
        (lambda f: text(f, ".wav"), "expected a sound file.*text.wav"),
        (lambda f: text(f, ".docx"), "expected a recording, .wav"),
        (cut_off_wav, "breaks off: .* bytes of sound are there"),
        (cut_off_flac, "cut.flac.*(breaks off|cannot be read)"),
        (lambda f: cut(write_video(f / "cut.mp4")), "cut.mp4.*cut off"),
        (lambda f: cut(write_video(f / "cut.mkv", seconds=6)), "cut.mkv.*(breaks|cut) off"),
        (lambda f: write_video(f / "mute.mp4", sound=False), "mute.mp4', which has no sound track"),
        (picture, "still.jpg', which has no sound track"),
        (lambda f: f / "missing.wav", "expected a file that can be read.*missing.wav"),
        (lambda f: f, "expected a"),
    ],
)
def test_what_is_no_whole_recording_is_refused_with_a_sentence(tmp_path, make, said):
    if ".mp4" in said or "a recording, .wav" in said:
        pytest.importorskip("av", reason="PyAV is not installed")
    path = make(tmp_path)
    with pytest.raises(Unreadable, match=said):
        Sound(path).read()


def test_values_that_are_not_finite_are_refused(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(Unreadable, match="expected sound in finite values.*nan.wav"):
        Sound(tmp_path / "nan.wav").read()


@pytest.mark.skipif(not ODD.is_dir(), reason="the folder shared/odd_inputs is not there")
def test_odd_files():
    with pytest.raises(Unreadable, match="Git LFS pointer"):
        Sound(ODD / "lfs_pointer.wav").read()
    short = Sound(ODD / "ten_ms.wav")
    assert len(log_mel(short).values) == 0
    assert np.isfinite(prosody(short).values).all()


def test_memory_does_not_grow_with_the_file(tmp_path):
    # Each block is let go: no more than a few of them are alive at a time.
    soundfile.write(tmp_path / "long.wav", np.tile(tone(8000, 10), (60, 1)), 8000)
    sizes = [len(block) for block in Sound(tmp_path / "long.wav").blocks()]
    assert max(sizes) < 2**20 and sum(sizes) == 600 * RATE
