"""Kinetics-Sound: on folders of wav and frames made here."""

import numpy as np
import pytest

from kerasfuse.datasets import kinetics_sound, load

soundfile = pytest.importorskip("soundfile")
Image = pytest.importorskip("PIL.Image")

CLASSES = ["tap dancing", "bowling"]
VIDEOS = [
    ("train", "bowling", "a_000001_000011"),
    ("train", "tap_dancing", "-b_000000_000010"),
    ("train", "juggling", "c"),
    ("val", "bowling", "d"),
    ("test", "tap_dancing", "e"),
]


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data")


def write(folder):
    for number, video in enumerate(VIDEOS):
        wav = (folder / "audio").joinpath(*video).with_suffix(".wav")
        wav.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wav, np.sin(np.arange(22050) * (number + 1) / 9) / 2, 22050)
        frames = (folder / "frames").joinpath(*video)
        frames.mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (5, 5), (number, i, 9)).save(frames / f"{i}.png")
    return folder


def stored(folder, split="train", classes=CLASSES):
    options = {"data_dir": folder, "shuffle": False, "batch_size": 9, "classes": classes}
    return load("kinetics_sound", split, **options)


def test_what_is_in_the_folders(folder, capsys):
    train = stored(folder)
    assert train.modalities == {"audio": (257, 625, 1), "vision": (224, 224, 3)}
    assert train.ids == ["bowling/a_000001_000011", "tap dancing/-b_000000_000010"]
    inputs, labels = train[0]
    np.testing.assert_array_equal(labels[:, 0], [1, 0])
    for number, x in enumerate(inputs["vision"]):
        assert (x == (number, 1, 9)).all()
    loudest = inputs["audio"][:, :, 300, 0].argmax(axis=1)
    np.testing.assert_allclose(loudest, np.array([1, 2]) / 9 / 2 / np.pi * 512, atol=1)
    assert stored(folder, "validation").ids == ["bowling/d"]
    assert stored(folder, "test").ids == ["tap dancing/e"]
    assert "left out, 1 videos of other classes: 1 of juggling" in capsys.readouterr().err


def test_class_lists(folder, capsys):
    assert len(kinetics_sound._CLASSES) == len(set(kinetics_sound._CLASSES)) == 34
    by_default = stored(folder, classes=None)
    at = [kinetics_sound._CLASSES.index(name) for name in ("bowling", "tap dancing")]
    np.testing.assert_array_equal(by_default.labels[:, 0], at)
    assert "no videos of 32 classes: blowing nose" in capsys.readouterr().err
    # Another list of the same length is another data set, and both stay.
    other = stored(folder, classes=["bowling", "Juggling"])
    assert other.labels[:, 0].tolist() == [0, 1]
    assert stored(folder).labels[:, 0].tolist() == [1, 0]
    capsys.readouterr()
    stored(folder, classes=["bowling", "juggling"])
    assert capsys.readouterr().err == ""
    for classes in (["bowling"], ["bowling", "Bowling"]):
        with pytest.raises(ValueError, match="names of 2 classes or more"):
            stored(folder, classes=classes)
    with pytest.raises(ValueError, match="videos of a, b .*2 classes.* 2 of bowling"):
        stored(folder, classes=["a", "b"])


def test_files_that_are_damaged_alone_or_not_there(folder, tmp_path, capsys):
    (folder / "audio/val/bowling/d.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="wav or flac file.*bowling/d.wav"):
        stored(folder)
    (folder / "audio/val/bowling/d.wav").unlink()
    assert stored(folder).num_samples == 2
    assert "left out, 1 files whose partner is missing: bowling/d" in capsys.readouterr().err
    with pytest.raises(ValueError, match="one of 'train', 'test'. Received: 'validation'"):
        stored(folder, "validation")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="without pairs of wav and frames.*cvdfoundation"):
        stored(tmp_path / "empty")
