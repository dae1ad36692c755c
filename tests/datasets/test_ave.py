"""AVE: on .h5 files made here with the official shapes."""

import h5py
import numpy as np
import pytest

from kerasfuse.datasets import load

ORDERS = {"train": [5, 0, 3], "val": [1], "test": [4, 2]}
THEIRS = {"train": "train", "validation": "val", "test": "test"}


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def arrays():
    rng = np.random.default_rng(0)
    return {
        "audio_feature": rng.normal(size=(6, 10, 128)).astype("float32"),
        "visual_feature": rng.normal(size=(6, 10, 7, 7, 512)).astype("float32"),
        "labels": np.eye(29)[rng.integers(29, size=(6, 10))].astype("int64"),
        **{f"{name}_order": np.array(order) for name, order in ORDERS.items()},
    }


def write(folder, **changes):
    folder.mkdir(exist_ok=True)
    for name, x in {**arrays(), **changes}.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["order" if "order" in name else "avadataset"] = x
    return folder


def stored(folder, split="train", **options):
    return load("ave", split, data_dir=folder, shuffle=False, batch_size=9, **options)


def test_what_is_in_the_files(tmp_path, capsys):
    folder, wanted = write(tmp_path / "a"), arrays()
    for split, theirs in THEIRS.items():
        batches = stored(folder, split)
        assert batches.ids == [str(i) for i in ORDERS[theirs]]
        inputs, labels = batches[0]
        np.testing.assert_array_equal(inputs["audio"], wanted["audio_feature"][ORDERS[theirs]])
        np.testing.assert_array_equal(inputs["vision"], wanted["visual_feature"][ORDERS[theirs]])
        np.testing.assert_array_equal(labels, wanted["labels"][ORDERS[theirs]])
    assert "3339/402/402; these files have 3/1/2" in capsys.readouterr().err
    with pytest.raises(ValueError, match="strict=True.*3339/402/402"):
        stored(folder, strict=True)


def test_maps_are_averaged_and_a_video_has_one_event(tmp_path):
    labels = np.eye(29)[np.full((6, 10), 28)]
    for video, (event, seconds) in enumerate([(3, 2), (27, 10), (0, 4), (3, 9), (11, 5), (8, 2)]):
        labels[video, :seconds] = np.eye(29)[event]
    labels[5, 4:8] = np.eye(29)[19]  # more seconds than the other
    folder, wanted = write(tmp_path / "a", labels=labels), arrays()
    train = stored(folder, vision="pooled")
    assert train.modalities == {"audio": 128, "vision": 512}
    inputs, events = train[0]
    np.testing.assert_array_equal(inputs["audio"], wanted["audio_feature"][ORDERS["train"]])
    means = wanted["visual_feature"].astype("float64").reshape(6, 10, 49, 512).mean(axis=2)
    np.testing.assert_allclose(inputs["vision"], means[ORDERS["train"]], atol=1e-6)
    assert events[:, 0].tolist() == [19, 3, 3]
    # The maps themselves are records of their own.
    assert stored(folder).modalities["vision"] == (10, 7, 7, 512)
    labels[4] = np.eye(29)[28]
    with pytest.raises(ValueError, match="an event in every video of .*Received: video 4"):
        stored(write(tmp_path / "b", labels=labels), vision="pooled")


def test_a_video_in_two_splits_is_told(tmp_path, capsys):
    stored(write(tmp_path / "a", test_order=np.array([4, 3])))
    assert "in train and test at the same time, 1 samples: 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio_feature": np.zeros((6, 10, 64))}, r"10, 128\) for 'audio' in .*\(6, 10, 64\)"),
        ({"labels": np.zeros((5, 10, 29))}, "as many videos.*'label': 5"),
        ({"val_order": np.array([6])}, "positions of 6 videos in .*val_order.h5'. Received: 6"),
        ({"val_order": np.zeros(7, int)}, "each of 6 videos once in .*val_order.h5'. Received: 7"),
        ({"val_order": np.zeros(0, int)}, "none in validation"),
        ({"train_order": np.array([2, 0, 2])}, "'id' '2' twice in train"),
        ({"labels": np.full((6, 10, 29), b"a")}, "expected numbers at .*labels.h5'"),
    ],
)
def test_damaged_files_are_told(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        stored(write(tmp_path / "a", **changes))


def test_files_that_are_none_or_not_there(tmp_path):
    folder = write(tmp_path / "a")
    (folder / "labels.h5").write_bytes(b"no")
    with pytest.raises(ValueError, match="a .h5 file.*labels.h5"):
        stored(folder)
    (folder / "labels.h5").unlink()
    with pytest.raises(FileNotFoundError, match="a folder without labels.h5.*github.com"):
        stored(folder)
    with pytest.raises(FileNotFoundError, match="does not exist, without audio_feature.h5"):
        stored(tmp_path / "elsewhere")


# From wav and frames.

LISTS = {
    "trainSet.txt": ["Train horn&tA&good&2&10", "Bell&-b_1&good&0&4", "Bell&gone&good&0&10"],
    "valSet.txt": ["Bell&v1&bad&0&10"],
    "testSet.txt": ["Train horn&-b_1&good&8&10"],
}


def write_videos(folder, **changes):
    soundfile, image = pytest.importorskip("soundfile"), pytest.importorskip("PIL.Image")
    folder.mkdir()
    for name, lines in {**LISTS, **changes}.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    (folder / "wavs").mkdir()
    for number, video in enumerate(("tA", "-b_1", "v1", "unlisted")):
        x = np.sin(np.arange(11025) * (number + 1) / 5) / 2  # 1 s, told ten times
        soundfile.write(folder / "wavs" / f"{video}.wav", x, 11025)
        frames = folder / "frames" / video
        frames.mkdir(parents=True)
        for i in range(10):
            image.new("RGB", (6, 8), (number, 10 * i, 3)).save(frames / f"{i:03d}.png")
    return folder


def test_wav_and_frames(tmp_path, capsys):
    folder = write_videos(tmp_path / "a")
    train = stored(folder, vision="frames")
    assert train.modalities == {"audio": (257, 625, 1), "vision": (224, 224, 3)}
    assert train.ids == ["tA 2-10 Train horn", "-b_1 0-4 Bell"]
    inputs, labels = train[0]
    np.testing.assert_array_equal(labels[:, 0], [1, 0])
    # The frame in the middle of the event: of ten frames the seventh and the third.
    for x, colour in zip(inputs["vision"], [(0, 60, 3), (1, 20, 3)], strict=True):
        assert (x == colour).all()
    loudest = inputs["audio"][:, :, 300, 0].argmax(axis=1)
    hertz = np.array([1, 2]) / 5 * 11025 / 2 / np.pi
    np.testing.assert_allclose(loudest, hertz / (22050 / 512), atol=1)
    assert stored(folder, "test", vision="frames")[0][1].tolist() == [[1]]
    told = capsys.readouterr().err
    assert "left out, 1 without wav or frames: gone" in told and "Classes: Bell, Train horn" in told
    assert "left out, 1 that no list names: unlisted" in told
    assert "3339/402/402; these files have 2/1/1" in told


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Bell&v1&good&0"], "line 1 of .*valSet.txt'. Received: 'Bell&v1&good&0'"),
        (["Bell&v1&good&0&ten"], "line 1 of .*valSet.txt"),
        (["", "Bell&v1&good&6&4"], "line 2 of .*valSet.txt.*6 to 4 s"),
        (["Bell&nowhere&good&0&4"], "none in validation.*without wav or frames: gone, nowhere"),
        (["Bell&v1&good&0&4"] * 2, "'id' 'v1 0-4 Bell' twice in validation"),
    ],
)
def test_damaged_lists_are_named(tmp_path, lines, message):
    folder = write_videos(tmp_path / "a", **{"valSet.txt": lines})
    with pytest.raises(ValueError, match=message):
        stored(folder, vision="frames")


def test_videos_that_are_damaged_or_not_there(tmp_path):
    folder = write_videos(tmp_path / "a")
    (folder / "frames/tA/006.png").write_bytes(b"no")
    with pytest.raises(ValueError, match="an image.*tA/006.png"):
        stored(folder, vision="frames")
    (folder / "wavs/tA.wav").write_bytes(b"no")
    with pytest.raises(ValueError, match="wav or flac.*tA.wav"):
        stored(folder, vision="frames")
    (folder / "valSet.txt").unlink()
    with pytest.raises(FileNotFoundError, match="a folder without valSet.txt.*trainSet.txt"):
        stored(folder, vision="frames")
    with pytest.raises(ValueError, match="Received: vision='wav'"):
        stored(folder, vision="wav")
