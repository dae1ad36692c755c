"""One's own files: a folder of .npz, a table of .npy, and what is told when they do not fit."""

import csv
import zipfile

import keras
import numpy as np
import pytest

from kerasfuse import datasets
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


def test_a_sample_without_features_is_left_out_and_listed(tmp_path, capsys):
    def change(folder, rows):
        for name in ("words", "pulse", "age", "face"):
            np.save(folder / rows[1][name], 0 * np.load(folder / rows[1][name]))
            rows[2][name] = ""

    batches = stored(write_table(tmp_path, change=change))
    assert batches.ids == ["train-0", "train-3", "train-4"]
    assert "train-1 (no features)" in capsys.readouterr().err


def spoken(folder, rows):
    """Add a speaker, names of classes and a weight, and say nothing of splits."""
    for i, row in enumerate(rows):
        row |= {"speaker": f"s{i // 2}", "label": ["joy", "anger"][i % 2], "weight": str(i)}
        del row["split"]


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_names_of_classes_and_columns_beside(tmp_path, kind):
    if kind == "csv":
        place = write_table(tmp_path, change=spoken)
    else:
        place = tmp_path / "samples.npz"
        labels = np.array(["joy", "anger"] * 5)
        speaker = np.array([f"s{i // 2}" for i in range(10)])
        columns = {"labels": labels, "speaker": speaker, "weight": np.arange(10)}
        np.savez(place, **arrays(10) | columns)
    options = {"folds": 5, "group": "speaker"}
    seen = []
    for fold in range(5):
        found = {
            split: stored(place, split, fold=fold, **options)
            for split in ("train", "validation", "test")
        }
        assert [x.num_samples for x in found.values()] == [6, 2, 2]
        speakers = [set(x.columns["speaker"]) for x in found.values()]
        assert found["test"].label_names == ("anger", "joy")
        # Each speaker said both.
        assert found["test"].labels.sum() == 1
        seen += found["test"].ids
        assert len(set.union(*speakers)) == sum(map(len, speakers)) == 5
    assert len(set(seen)) == 10
    train = stored(place, weight="weight", validation=0.2, test=0.2)
    assert train.sample_weight is not None
    assert stored(place, "test", weight="weight").sample_weight is None
    with pytest.raises(ValueError, match="group='speeker'. Nearest: speaker"):
        stored(place, folds=3, group="speeker")


def test_a_part_of_train_validates(tmp_path):
    place = write_npz(tmp_path)
    whole, train = stored(place), stored(place, validation=0.4)
    validation = stored(place, "validation", validation=0.4)
    assert (train.num_samples, validation.num_samples) == (3, 2)
    assert {*train.ids, *validation.ids} == set(whole.ids)
    assert stored(place, "test", validation=0.4).ids == stored(place, "test").ids


def test_whole_numbers_as_classes(tmp_path):
    labels = {"train": [1, 2, 5, 2, 1], "validation": [1, 2], "test": [2, 2, 7]}
    place = write_npz(tmp_path, **{s: {"labels": np.array(x)} for s, x in labels.items()})
    found = stored(place, classes=["1", "2", "5", "7"])
    assert found.label_names == ("1", "2", "5", "7")
    assert found.labels[:, 0].tolist() == [0, 1, 2, 1, 0]
    assert stored(place).labels[:, 0].tolist() == labels["train"]
    with pytest.raises(ValueError, match="one of the classes 2, 1.*1 of 5 samples: '5' of"):
        stored(place, classes=["2", "1"])


def test_everything_and_nothing_but_features(tmp_path):
    place = write_table(tmp_path, change=lambda f, rows: [row.pop("label") for row in rows])
    with pytest.raises(ValueError, match="the columns 'label' and one a modality"):
        stored(place)
    found = stored(place, "everything", label=False)
    assert found.num_samples == 10 and found.labels is None and len(found[0]) == 1
    assert datasets.splits("own", place, label=False) == ["train", "validation", "test"]
    assert datasets.splits("own", place, label=False, validation=0.2)[1] == "validation"


def test_some_modalities_and_a_label_of_another_name(tmp_path):
    def change(folder, rows):
        for i, row in enumerate(rows):
            row |= {"calm": str(i), "label_happy": str(2 * i)}

    place = write_table(tmp_path, change=change)
    assert stored(place, columns=["age"]).modalities == {"age": 3}
    both = stored(place, label=["calm", "label_happy"])
    assert both.label_names == ("calm", "happy")
    np.testing.assert_array_equal(both.labels, [[i, 2 * i] for i in range(5)])
    with pytest.raises(ValueError, match="'cam'. Nearest: calm"):
        stored(place, label="cam")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 2}, "folds to be a whole number from 3"),
        ({"folds": 3, "fold": 3}, "fold to be a number from 0 to 2"),
        ({"fold": 1}, "folds beside fold"),
        ({"folds": 3, "test": 0.1}, "folds, or validation and test"),
        ({"test": 1.5}, "test to be a share"),
        ({"test": 0.5, "validation": 0.5}, "leave samples to train on"),
    ],
)
def test_divisions_that_are_none(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        stored(write_npz(tmp_path), **options)


def test_weights_that_are_none_are_counted(tmp_path):
    def change(folder, rows):
        rows[0]["weight"], rows[3]["weight"] = "-1", "1"
        for row in rows:
            row.setdefault("weight", "2")

    with pytest.raises(ValueError, match="1 of 5 samples: '-1' of sample 'train-0'"):
        stored(write_table(tmp_path, change=change), weight="weight")


def test_labels_that_are_missing_are_told_together(tmp_path):
    def change(folder, rows):
        for i in (1, 3, 4, 6):
            rows[i]["label"] = ""

    with pytest.raises(ValueError, match="4 of 10 rows: .*line 3.*line 5.*line 6.*and 1 more"):
        stored(write_table(tmp_path, change=change))


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
        r"column 'age' names.*1 of 10 rows: .*train-3-age.npy' in .*samples.csv, line 5, sample "
        "'train-3'.*not there",
    ),
    "text label": (
        lambda folder, rows: rows[1].update(label="joy"),
        r"one kind in 'label'.*1 of 10 rows: 'joy' in .*samples.csv, line 3, sample 'train-1'.*"
        "These are names",
    ),
    "split": (
        lambda folder, rows: rows[0].update(split="trian"),
        "split to be train.*Received: 1 of 10 rows: 'trian' in .*line 2",
    ),
    "same id": (
        lambda folder, rows: rows[4].update(id="train-0"),
        "one row an id.*'train-0' in .*samples.csv, line 6 and .*line 2",
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
        (
            {"labels": np.array(["a"] * 5)},
            r"one kind in 'labels'.*5 of 10 rows: 'a' in .*train.npz\[0\].*These are names",
        ),
        ({"words": np.array(["a"] * 5)}, "modalities of .*train.npz': pulse"),
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
