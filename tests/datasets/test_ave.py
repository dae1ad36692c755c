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


def test_a_video_in_two_splits_is_told(tmp_path, capsys):
    stored(write(tmp_path / "a", test_order=np.array([4, 3])))
    assert "in train and test at the same time, 1 samples: 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio_feature": np.zeros((6, 10, 64))}, r"10, 128\) for 'audio' in .*\(6, 10, 64\)"),
        ({"labels": np.zeros((5, 10, 29))}, "as many videos.*'label': 5"),
        ({"val_order": np.array([6])}, "positions of 6 videos in .*val_order.h5'. Received: 6"),
        ({"val_order": np.zeros(0, int)}, "none in validation"),
        ({"train_order": np.array([2, 0, 2])}, "'id' '2' twice in train"),
        ({"labels": np.full((6, 10, 29), b"a")}, "array of numbers .* for 'label'"),
    ],
)
def test_damaged_files_are_told(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        stored(write(tmp_path / "a", **changes))


def test_files_that_are_none_or_not_there(tmp_path):
    folder = write(tmp_path / "a")
    (folder / "labels.h5").write_bytes(b"no")
    with pytest.raises(ValueError, match="an .h5 file.*labels.h5"):
        stored(folder)
    (folder / "labels.h5").unlink()
    with pytest.raises(FileNotFoundError, match="a folder without labels.h5.*github.com"):
        stored(folder)
