"""CREMA-D: on files made here in the same format."""

import numpy as np
import pytest

from kerasfuse.datasets import cremad, load
from kerasfuse.datasets.formats import openface

soundfile = pytest.importorskip("soundfile")
Image = pytest.importorskip("PIL.Image")

EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
ACTORS = (1001, 1002, 1005, 1010)
CLIPS = [f"{actor}_IEO_{emotion}_HI" for actor in ACTORS for emotion in EMOTIONS[1:4]]
RATE = 22050


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def sound(clip, seconds=0.5):
    rng = np.random.default_rng(CLIPS.index(clip))
    return rng.normal(size=int(seconds * RATE)) / 10


def write(folder, clips=CLIPS):
    for kind in ("AudioWAV", "units"):
        (folder / kind).mkdir(parents=True)
    for number, clip in enumerate(clips):
        soundfile.write(folder / "AudioWAV" / f"{clip}.wav", sound(clip), RATE, subtype="FLOAT")
        frames = folder / "frames" / clip
        frames.mkdir(parents=True)
        for i in range(3):  # the middle one is of one colour, which no resizing changes
            colour = (10 * number, 7, 200) if i == 1 else (0, 0, 0)
            Image.new("RGB", (8, 6), colour).save(frames / f"{i:04d}.png")
        rows = np.full((4, 35), number + 0.5)
        np.savetxt(
            folder / "units" / f"{clip}.csv",
            rows,
            delimiter=",",
            header=", ".join(openface.UNITS),
            comments="",
        )
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data")


def stored(folder, split="train", **options):
    return load("cremad", split, data_dir=folder, shuffle=False, batch_size=99, **options)


def test_nobody_is_in_two_splits(folder):
    wanted = {"train": {1001, 1002}, "validation": {1010}, "test": {1005}}
    for split, actors in wanted.items():
        assert {int(name[:4]) for name in stored(folder, split).ids} == actors
    train = set(range(1001, 1092)) - {*cremad._VALIDATION_ACTORS, *cremad._TEST_ACTORS}
    assert (len(train), len(cremad._VALIDATION_ACTORS), len(cremad._TEST_ACTORS)) == (73, 9, 9)


def test_the_random_split_has_the_published_sizes_and_is_always_alike(folder):
    rows = {split: cremad._random_rows(7441, split) for split in ("train", "validation", "test")}
    assert {split: len(found) for split, found in rows.items()} == cremad._SIZES
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(7441))
    np.testing.assert_array_equal(rows["test"], cremad._random_rows(7441, "test"))

    parts = [stored(folder, split, by="random") for split in rows]
    assert [part.num_samples for part in parts] == [10, 1, 1]
    assert sorted(sum((part.ids for part in parts), [])) == sorted(CLIPS)
    whole = {
        name: (label, image)
        for split in rows
        for batches in [stored(folder, split)]
        for name, label, image in zip(
            batches.ids, batches.labels, batches[0][0]["vision"], strict=True
        )
    }
    for part in parts:  # each label and image stays with its clip
        for name, label, image in zip(part.ids, part.labels, part[0][0]["vision"], strict=True):
            assert label == whole[name][0]
            np.testing.assert_array_equal(image, whole[name][1])


def test_frames_and_spectrograms(folder):
    batches = stored(folder)
    assert batches.modalities == {"audio": (257, 188, 1), "vision": (224, 224, 3)}
    (inputs, labels) = batches[0]
    np.testing.assert_array_equal(labels[:, 0], [3, 1, 2, 3, 1, 2])  # by name
    for name, image in zip(batches.ids, inputs["vision"], strict=True):
        assert (image == [10 * CLIPS.index(name), 7, 200]).all()
    assert inputs["audio"].dtype == inputs["vision"].dtype == "float32"
    # One window, far from the ends, against numpy: 0.5 s repeated to 3 s.
    x = np.resize(sound(batches.ids[0]).astype("float32"), 3 * RATE)
    at = 100 * 353 - 256
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    wanted = np.log(np.abs(np.fft.rfft(x[at : at + 512] * hann)) + 1e-7)
    np.testing.assert_allclose(inputs["audio"][0, :, 100, 0], wanted, atol=1e-2)


def test_units_are_sequences(folder):
    batches = stored(folder, vision="units")
    assert batches.modalities == {"audio": 64, "vision": 35}
    (inputs, _) = batches[0]
    for name, x in zip(batches.ids, inputs["vision"], strict=True):
        np.testing.assert_array_equal(x, np.full((4, 35), CLIPS.index(name) + 0.5))
    assert inputs["audio"].shape == (6, 51, 64)


def test_clips_without_a_partner_are_listed(folder, capsys):
    (folder / "AudioWAV" / f"{CLIPS[0]}.wav").unlink()
    assert stored(folder).num_samples == 5
    assert (
        f"left out, 1 files whose partner is missing: {CLIPS[0]}/0001.png"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: (f / f"AudioWAV/{CLIPS[2]}.wav").write_bytes(b"RIFF"),
            "wav or flac.*FEA_HI.wav",
        ),
        (lambda f: (f / f"frames/{CLIPS[2]}/0001.png").write_bytes(b"x"), "an image.*0001.png"),
        (
            lambda f: (f / f"{CLIPS[2]}.wav").write_bytes(b""),
            "one file of .*FEA_HI.wav",
        ),
    ],
)
def test_damaged_files_are_named(folder, damage, message):
    damage(folder)
    with pytest.raises(ValueError, match=message):
        stored(folder)


def test_another_emotion_is_refused(tmp_path):
    folder = write(tmp_path / "data", CLIPS[:1])
    for path in [*folder.rglob("1001_IEO_*")]:
        path.rename(path.with_name(path.name.replace("HAP", "JOY")))
    with pytest.raises(ValueError, match="one of NEU, HAP.*1001_IEO_JOY_HI.wav"):
        stored(folder)


def test_options_and_files_that_are_not_there(folder, tmp_path):
    with pytest.raises(ValueError, match="Received: vision='faces'"):
        stored(folder, vision="faces")
    with pytest.raises(ValueError, match="Received: by='speaker'"):
        stored(folder, by="speaker")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="KERASFUSE_DATA.*github.com"):
        stored(tmp_path / "empty")
    few = write(tmp_path / "few", CLIPS[:3])
    with pytest.raises(ValueError, match="actors of test.*1001"):
        stored(few, "test")


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match=r"kerasfuse-zoo\[data\]"):
        stored(folder)
