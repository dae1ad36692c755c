"""One's own files: a folder of .npz, a table of .npy, and what is told when they do not fit."""

import csv
import zipfile

import keras
import numpy as np
import pytest

from kerasfuse.datasets import load
from kerasfuse.datasets.formats import openface

SPLITS = {"train": 5, "validation": 2, "test": 3}
# An archive without files, as .npz and .pt are archives.
ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def arrays(count, seed=0):
    rng = np.random.default_rng(seed)
    words = rng.normal(size=(count, 6, 4))
    for i in range(count):
        words[i, i % 5 + 1 :] = 0
    return {
        "words": words,
        "pulse": rng.normal(size=(count, 9, 2)),
        "age": rng.normal(size=(count, 3)),
        "face": rng.normal(size=(count, 8, 7, 3)),
        "labels": np.arange(count) + 0.5,
    }


def write_npz(folder, **changes):
    for number, (split, count) in enumerate(SPLITS.items()):
        np.savez(folder / f"{split}.npz", **{**arrays(count, number), **changes.get(split, {})})
    return folder


def write_table(folder, name="samples.csv", change=None):
    rows = []
    for number, (split, count) in enumerate(SPLITS.items()):
        found = arrays(count, number)
        for i in range(count):
            row = {"id": f"{split}-{i}", "split": split, "label": str(found["labels"][i])}
            for modality in ("words", "pulse", "age", "face"):
                row[modality] = f"arrays/{split}-{i}-{modality}.npy"
                (folder / "arrays").mkdir(exist_ok=True)
                np.save(folder / row[modality], found[modality][i])
            rows.append(row)
    if change:
        change(folder, rows)
    if name.endswith(".csv"):
        with open(folder / name, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / name)
    return folder / name


def stored(data_dir, split="train", **options):
    return load("own", split, data_dir=data_dir, shuffle=False, batch_size=9, **options)


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
def test_what_is_in_the_files_is_in_the_batches(tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow.parquet")
    place = write_npz(tmp_path) if kind == "npz" else write_table(tmp_path, f"a.{kind}")
    for number, (split, count) in enumerate(SPLITS.items()):
        batches = stored(place, split)
        assert batches.modalities == {"words": 4, "pulse": 2, "age": 3, "face": (8, 7, 3)}
        inputs, labels = batches[0]
        wanted = arrays(count, number)
        np.testing.assert_array_equal(labels[:, 0], wanted["labels"])
        steps = inputs["words"].shape[1]
        np.testing.assert_array_equal(inputs["words"], wanted["words"][:, :steps].astype("f4"))
        assert not wanted["words"][:, steps:].any()
        np.testing.assert_array_equal(inputs["pulse"], wanted["pulse"].astype("f4"))
        np.testing.assert_array_equal(inputs["age"][:, 0], wanted["age"].astype("f4"))
        np.testing.assert_array_equal(inputs["face"], wanted["face"].astype("f4"))
        assert batches.ids[1] == (f"{split}/1" if kind == "npz" else f"{split}-1")


def test_a_model_is_trained_on_them(tmp_path):
    batches = stored(write_npz(tmp_path))
    branches = {n: keras.Input((None, batches.modalities[n]), name=n) for n in ("words", "pulse")}
    pooled = [keras.layers.GlobalAveragePooling1D()(x) for x in branches.values()]
    face = keras.Input(batches.modalities["face"], name="face")
    pooled.append(keras.layers.Flatten()(face))
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()(pooled))
    model = keras.Model({**branches, "face": face}, outputs)
    model.compile("sgd", "mse")
    inputs, labels = batches[0]
    del inputs["age"]
    assert np.isfinite(model.train_on_batch(inputs, labels))


def test_an_empty_cell_is_an_absent_modality(tmp_path):
    def change(folder, rows):
        rows[1]["pulse"] = rows[2]["face"] = ""

    inputs, _ = stored(write_table(tmp_path, change=change))[0]
    assert not inputs["pulse"][1].any() and inputs["pulse"][0].any()
    assert not inputs["face"][2].any() and inputs["face"][1].any()


def test_changed_files_are_converted_again(tmp_path):
    before = stored(write_npz(tmp_path)).checksum()
    other = {"labels": np.arange(5) * 2.0}
    write_npz(tmp_path, train=other)
    assert stored(tmp_path).checksum() != before
    np.testing.assert_array_equal(stored(tmp_path).labels[:, 0], other["labels"])


def test_values_that_are_not_finite_are_refused_unless_asked(tmp_path, capsys):
    bad = arrays(5)
    bad["pulse"][2, 3, 1], bad["pulse"][2, 4, 0] = np.nan, np.inf
    bad["labels"][4] = np.nan
    write_npz(tmp_path, train=bad)
    with pytest.raises(
        ValueError, match=r"1 NaN and 1 inf.*'pulse' of.*npz\[2\], the first at \[3"
    ):
        stored(tmp_path)
    capsys.readouterr()
    cleaned = stored(tmp_path, clean=True)
    told = capsys.readouterr().err
    assert "2 values that were not finite" in told and "train/4 (no label)" in told
    assert cleaned.num_samples == 4 and cleaned[0][0]["pulse"][2, 3, 1] == 0
    # What was cleaned does not stand in for what was not.
    with pytest.raises(ValueError, match="finite"):
        stored(tmp_path)


def test_a_cell_can_name_a_table_of_openface(tmp_path, capsys):
    units = np.random.default_rng(0).uniform(1, 2, (4, 17)).round(2)

    def change(folder, rows):
        for row in rows:
            row["face"] = "face.csv"
        lines = [", ".join(["frame", "face_id", *openface.UNITS[:17]])]
        for i, x in enumerate(units.tolist()):
            lines += [", ".join(map(str, [i, face, *x])) for face in (4, 7)]
        (folder / "face.csv").write_text("\n".join(lines))

    batches = stored(write_table(tmp_path, change=change))
    assert batches.modalities["face"] == 17
    np.testing.assert_array_equal(batches[0][0]["face"], np.stack([units] * 5).astype("f4"))
    assert "is used, 10 samples: " in capsys.readouterr().err
    place = write_table(
        tmp_path, "b.csv", lambda f, rows: rows[0].update(face="nan.csv") or change(f, rows[1:])
    )
    text = (tmp_path / "face.csv").read_text()
    (tmp_path / "nan.csv").write_text(text.replace(str(units[0, 0]), "-nan(ind)", 1))
    with pytest.raises(ValueError, match="1 NaN .*'face' of sample 'train-0'.*clean=True"):
        stored(place)
    assert not stored(place, clean=True)[0][0]["face"][0, 0, 0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_tables(tmp_path, encoding):
    place = write_table(tmp_path, change=lambda f, rows: rows[0].update(id="J\xfcrgen"))
    text = place.read_text(encoding="utf-8")
    place.write_text(text, encoding=encoding)
    assert stored(place).ids[0] == "J\xfcrgen"
    # How Excel saves "CSV" in western Europe.
    place.write_text(text, encoding="cp1252")
    with pytest.raises(ValueError, match='UTF-8. Received: .*samples.csv.*line 2.*"CSV UTF-8"'):
        stored(place)


DAMAGES = {
    "missing file": (
        lambda folder, rows: (folder / rows[3]["age"]).unlink(),
        r"'age' in .*samples.csv, line 5 of sample 'train-3'.*train-3-age.npy'.*not there",
    ),
    "text label": (
        lambda folder, rows: rows[1].update(label="joy"),
        r"'label' to be a number. Received: 'joy' in .*samples.csv, line 3, sample 'train-1'",
    ),
    "split": (
        lambda folder, rows: rows[0].update(split="trian"),
        "split to be train.*Received: 'trian' in .*line 2",
    ),
    "same id": (
        lambda folder, rows: rows[4].update(id="train-0"),
        "'id' 'train-0' twice in train of .*samples.csv",
    ),
    "width": (
        lambda folder, rows: np.save(folder / rows[2]["words"], np.ones((3, 5))),
        r"'words' of sample 'train-2' in .*line 4 .*\(steps, 4\).*shape \(3, 5\)",
    ),
    "no array": (
        lambda folder, rows: (folder / rows[2]["words"]).write_bytes(b"no array"),
        "for 'words'. Received: .*train-2-words.npy",
    ),
    "pickled": (
        lambda folder, rows: np.save(folder / rows[2]["words"], np.array([{}]), allow_pickle=True),
        "for 'words'. Received: .*train-2-words.npy",
    ),
    **{
        suffix: (
            lambda folder, rows, suffix=suffix, data=data: (
                rows[2].update(words=f"words.{suffix}"),
                (folder / f"words.{suffix}").write_bytes(data),
            ),
            rf"for 'words'. Received: .*words.{suffix}', a .{suffix} file. {remedy}",
        )
        for suffix, data, remedy in (
            ("npz", ZIP, "Save each of its arrays"),
            ("pt", ZIP, r"Save the tensor with numpy.save\(file, tensor.numpy"),
            ("pth", b"\x80\x02\x8a\nl\xfc", "Save the tensor"),
            ("wav", b"RIFF$\0\0\0WAVEfmt ", "Extract features"),
        )
    },
    "zip": (
        lambda folder, rows: (folder / rows[2]["words"]).write_bytes(ZIP),
        "train-2-words.npy', which cannot be read .an archive",
    ),
    "zeros": (
        lambda folder, rows: [
            np.save(folder / rows[1][n], 0 * np.load(folder / rows[1][n]))
            for n in ("words", "pulse", "age", "face")
        ],
        "sample 'train-1' in .*line 3.* which has none",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_tables_that_do_not_fit_are_told(tmp_path, damage):
    change, message = DAMAGES[damage]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        stored(write_table(tmp_path, change=change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(4)}, r"train.npz' with .*'words': 5.*'labels': 4"),
        ({"labels": np.array(["a"] * 5)}, r"label of sample 'train/0' in .*train.npz\[0\]"),
        ({"words": np.array(["a"] * 5)}, "'words' to hold numbers.*train.npz"),
        ({"words": np.ones((5, 6, 9))}, r"modalities of .*train.npz.*words \(None, 9\)"),
        ({"ids": np.array(["a", "b", "a", "c", "d"])}, "'id' 'a' twice in train"),
        ({n: x[:0] for n, x in arrays(5).items()}, "none in train"),
    ],
)
def test_arrays_that_do_not_fit_are_told(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        stored(write_npz(tmp_path, train=change))


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train.npz, validation.npz and test.npz"):
        stored(tmp_path)
    np.savez(tmp_path / "train.npz", **arrays(3))
    with pytest.raises(ValueError, match="one of 'train'. Received: 'test'"):
        stored(tmp_path, "test")
    np.savez(tmp_path / "val.npz", **arrays(3))
    np.savez(tmp_path / "dev.npz", **arrays(3))
    with pytest.raises(ValueError, match="one file a split.*val.npz and .*dev.npz"):
        stored(tmp_path)


@pytest.mark.parametrize("kind", ["nonsense", "zip of another", "one array"])
def test_files_that_hold_something_else_are_told(tmp_path, kind):
    file = tmp_path / "train.npz"
    if kind == "nonsense":
        file.write_bytes(b"PK nonsense")
    elif kind == "zip of another":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("data.pkl", b"abc")
    else:
        with open(file, "wb") as opened:
            np.save(opened, np.ones(3))
    with pytest.raises(ValueError, match="arrays of numbers.*train.npz', which cannot be read"):
        stored(tmp_path)
