"""Conversion holds a few samples, not the files."""

import json
import tracemalloc

import h5py
import numpy as np
import own_files
import pytest

from kerasfuse.datasets import convert
from kerasfuse.datasets.conversion import builder

SAMPLES, STEPS, WIDTH = 96, 400, 64


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(builder, "_LEAST_SAMPLES", 8)
    monkeypatch.setattr(builder, "_PIECE_BYTES", 1)


def features(*shape):
    return np.random.default_rng(0).standard_normal(shape, dtype="float32")


def archive(folder):
    np.savez(folder / "train.npz", speech=features(SAMPLES, STEPS, WIDTH), labels=np.ones(SAMPLES))
    return "own", folder / "train.npz"


def compressed_archive(folder):
    x = features(SAMPLES, STEPS, WIDTH)
    np.savez_compressed(folder / "train.npz", speech=x, labels=np.ones(SAMPLES))
    return "own", folder / "train.npz"


def table(folder):
    lines = ["speech,label"]
    for i in range(SAMPLES):
        np.save(folder / f"{i}.npy", features(STEPS, WIDTH))
        lines.append(f"{i}.npy,{i}")
    (folder / "samples.csv").write_text("\n".join(lines))
    return "own", folder / "samples.csv"


def sequences(folder):
    videos = [f"v{i}" for i in range(SAMPLES)]
    widths = {"CMU_MOSEI_glove": 8, "CMU_MOSEI_covarep": WIDTH, "CMU_MOSEI_facet": 8}
    ends = np.arange(STEPS + 1) / STEPS
    times = np.stack([ends[:-1], ends[1:]], axis=1)
    for name, width in (widths | {"CMU_MOSEI_opinion_labels": 1}).items():
        with h5py.File(folder / f"{name}.csd", "w") as file:
            for video in videos:
                group = file.create_group(f"{name}/data/{video}")
                one = width == 1
                group["features"] = np.ones((1, 1)) if one else features(STEPS, width)
                group["intervals"] = np.array([[0.0, 1.0]]) if one else times
    folds = {"train": videos[2:], "validation": videos[:1], "test": videos[1:2]}
    (folder / "folds.json").write_text(json.dumps(folds))
    return "mosei", folder


def events(folder):
    count = SAMPLES // 2  # of a megabyte each
    arrays = {
        "audio_feature": features(count, 10, 128),
        "visual_feature": features(count, 10, 7, 7, 512),
        "labels": np.eye(29, dtype="float32")[np.zeros((count, 10), int)],
    }
    orders = {"train": range(2, count), "val": [0], "test": [1]}
    for name, x in arrays.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["dataset"] = x
    for name, order in orders.items():
        with h5py.File(folder / f"{name}_order.h5", "w") as file:
            file["order"] = np.array(list(order))
    return "ave", folder


@pytest.mark.parametrize("write", [archive, compressed_archive, table, sequences, events])
def test_memory_is_bounded_by_a_few_samples(write, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    name, place = write(folder)
    convert("own", own_files.write(tmp_path / "own", count=20))  # what is imported stays
    tracemalloc.start()
    told = convert(name, place)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "converted" in told
    # Some samples, cleaned, cut, as bytes and as records.
    assert peak < sum(file.stat().st_size for file in folder.iterdir()) / 3
