"""RAVDESS: on files made here in the same format, and on the real ones if present."""

import csv

import numpy as np
import pytest

from kerasfuse.datasets import load
from kerasfuse.datasets.formats import openface

soundfile = pytest.importorskip("soundfile")

ACTORS = (1, 2, 3)
TAKES = [
    f"01-{emotion:02d}-01-{statement:02d}-01-{actor:02d}"
    for actor in ACTORS
    for emotion in (1, 5, 8)
    for statement in (1, 2)
]


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def write_sound(path, seconds=0.3, rate=16000, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(seed).normal(size=int(seconds * rate)) / 10
    soundfile.write(path, x, rate)


def write_face(path, frames=7, seed=0, official=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.random.default_rng(seed).uniform(0.1, 5, (frames, 35)).round(2)
    names, rows = list(openface.UNITS), table.tolist()
    if official:  # as OpenFace itself writes it
        names = ["frame", "success", *names]
        rows = [[i, i % 3 != 1, *row] for i, row in enumerate(rows)]
        rows = [[int(row[0]), int(row[1]), *row[2:]] for row in rows]
        table[1::3] = 0
    with open(path, "w", newline="") as file:
        if official:
            file.write(", ".join(names) + "\n")
            file.writelines(", ".join(map(str, row)) + "\n" for row in rows)
        else:
            csv.writer(file, delimiter=";").writerows([names, *rows])
    return table


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data")


def write(folder):
    for seed, take in enumerate(TAKES):
        write_sound(folder / "speech" / f"03-{take}.flac", seed=seed)
        write_face(folder / "faces" / f"01-{take}.csv", seed=seed)
    return folder


def stored(folder, split, **options):
    return load("ravdess", split, data_dir=folder, shuffle=False, batch_size=99, **options)


def actors(batches):
    return {int(name[-2:]) for name in batches.ids}


@pytest.mark.parametrize(("fold", "train", "validation"), [(1, {3}, 2), (2, {1}, 3), (3, {2}, 1)])
def test_each_fold_leaves_one_actor_out(folder, fold, train, validation):
    assert actors(stored(folder, "train", fold=fold)) == train
    assert actors(stored(folder, "validation", fold=fold)) == {validation}
    assert actors(stored(folder, "test", fold=fold)) == {fold}


def test_modalities_can_be_left_out(folder):
    batches = stored(folder, "train", fold=2, modalities=["vision", "audio"])
    assert batches.modalities == {"audio": 64, "vision": 35}
    assert set(batches[0][0]) == {"audio", "vision"}
    for wrong, told in ((["face"], r"\['face'\]"), ([], "some of")):
        with pytest.raises(ValueError, match=told):
            stored(folder, "train", fold=2, modalities=wrong)


def test_what_is_in_the_files(folder):
    batches = stored(folder, "test", fold=2, standardize=False)
    takes = [take for take in TAKES if take.endswith("02")]
    assert batches.ids == takes
    np.testing.assert_array_equal(batches.labels[:, 0], [0, 0, 4, 4, 7, 7])
    inputs, _ = batches[0]
    words = ("kids", "dogs", "are", "talking", "sitting", "by", "the", "door")
    for i, sentence in enumerate(["kids are talking by the door", "dogs are sitting by the door"]):
        assert [words[j] for j in inputs["text"][i].argmax(axis=1)] == sentence.split()
    assert (inputs["text"].sum(axis=2) == 1).all()
    for i, take in enumerate(takes):
        table = write_face(folder.parent / "again.csv", seed=TAKES.index(take))
        np.testing.assert_array_equal(inputs["vision"][i], table.astype("float32"))
    # 0.3 s in strides of 10 ms, in decibels.
    assert inputs["audio"].shape == (6, 31, 64)
    assert inputs["audio"].std() > 1 and np.isfinite(inputs["audio"]).all()


def test_louder_bands_are_where_the_sound_is(folder):
    rate = 16000
    for take, hertz in zip(TAKES[6:8], (300, 4000), strict=True):
        x = np.sin(2 * np.pi * hertz * np.arange(rate // 2) / rate)
        soundfile.write(folder / "speech" / f"03-{take}.flac", x / 2, rate)
    inputs, _ = stored(folder, "test", fold=2, standardize=False)[0]
    # Mel bands from 20 Hz to 8 kHz, 64 of them: the centres by the usual formula.
    mel = 1127 * np.log(1 + np.array([20, 8000, 300, 4000]) / 700)
    wanted = (mel[2:] - mel[0]) / (mel[1] - mel[0]) * 65 - 1
    loudest = inputs["audio"][:2, 20].argmax(axis=1)
    np.testing.assert_allclose(loudest, wanted, atol=1.5)


def test_standardized_by_the_training_actors_alone(folder):
    plain = stored(folder, "train", fold=1, standardize=False)[0][0]
    for split in ("train", "test"):
        raw = stored(folder, split, fold=1, standardize=False)[0][0]
        scaled = stored(folder, split, fold=1)[0][0]
        np.testing.assert_array_equal(raw["text"], scaled["text"])
        for name in ("audio", "vision"):
            steps = plain[name].reshape(-1, plain[name].shape[2]).astype("float64")
            wanted = (raw[name] - steps.mean(axis=0)) / steps.std(axis=0)
            np.testing.assert_allclose(scaled[name], wanted, atol=1e-4)


def test_official_wav_and_csv(folder):
    take = TAKES[6]
    (folder / "speech" / f"03-{take}.flac").unlink()
    write_sound(folder / "Actor_02" / f"03-{take}.wav", seconds=0.5, rate=48000)
    table = write_face(folder / "faces" / f"01-{take}.csv", official=True)
    inputs, _ = stored(folder, "test", fold=2, standardize=False)[0]
    np.testing.assert_array_equal(inputs["vision"][0], table.astype("float32"))
    assert not inputs["vision"][0, 1].any() and inputs["vision"][0, 2].any()
    assert inputs["audio"].shape[1] == 51 and not inputs["audio"][1, 31:].any()


def test_files_without_a_partner_are_listed(folder, capsys):
    (folder / "faces" / f"01-{TAKES[0]}.csv").unlink()
    batches = stored(folder, "test", fold=1)
    assert batches.num_samples == 5
    assert f"1 files whose partner is missing: speech/03-{TAKES[0]}.flac" in capsys.readouterr().err


def edit_face(folder, take, change):
    """Change the official table of a take, given as a list of lines."""
    path = folder / "faces" / f"01-{take}.csv"
    write_face(path, official=True)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")


def test_the_choice_of_a_face_is_reported(folder, capsys):
    def two_faces(lines):
        head, *rows = lines
        twice = [f"{row}, {face}" for row in rows for face in (0, 1)]
        return [f"{head}, face_id", *twice]

    edit_face(folder, TAKES[6], two_faces)
    inputs, _ = stored(folder, "test", fold=2, standardize=False)[0]
    assert inputs["vision"].shape == (6, 7, 35)
    told = capsys.readouterr().err
    assert "several faces, of which the one with the most confident frames is used, 1 s" in told
    assert f"01-{TAKES[6]}.csv (face 0 of 2 faces, confident in 5 of 7 frames)" in told


def test_values_that_are_not_finite_are_cleaned(folder, capsys):
    def not_finite(lines):
        *cells, _ = lines[3].split(", ")
        return [*lines[:3], ", ".join([*cells, "-nan(ind)"]), *lines[4:]]

    edit_face(folder, TAKES[6], not_finite)
    inputs, _ = stored(folder, "test", fold=2, standardize=False)[0]
    assert inputs["vision"][0, 2, 33] > 0 and inputs["vision"][0, 2, 34] == 0
    assert "1 values that were not finite are now 0" in capsys.readouterr().err


def test_intensities_alone_are_a_narrower_vision(folder):
    for take in TAKES:
        path = folder / "faces" / f"01-{take}.csv"
        lines = [line.split(";")[:17] for line in path.read_text().splitlines()]
        path.write_text("\n".join(map(";".join, lines)))
    batches = stored(folder, "test", fold=2, standardize=False)
    assert batches.modalities["vision"] == 17
    write_face(folder / "faces" / f"01-{TAKES[6]}.csv")
    with pytest.raises(ValueError, match=f"17 action units.*{TAKES[6]}.csv' with 35"):
        stored(folder, "test", fold=2)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: (f / f"speech/03-{TAKES[3]}.flac").write_bytes(b"RIFF"),
            "wav or flac.*05-01-02",
        ),
        (
            lambda f: write_sound(
                (f / f"speech/03-{TAKES[3]}.flac").rename(f / f"03-{TAKES[3]}.wav"), seconds=0
            ),
            "sound.*05-01-02.*with none",
        ),
        (lambda f: (f / f"faces/01-{TAKES[3]}.csv").write_text("a;b\n1;2\n"), "35 action units"),
        (
            lambda f: (f / f"faces/01-{TAKES[3]}.csv").write_text(
                ";".join(openface.UNITS) + "\n" + "1;" * 34 + "x\n"
            ),
            "35 numbers in line 2 of .*05-01-02",
        ),
        (lambda f: write_sound(f / f"b/03-{TAKES[3]}.wav"), "one file of .*wav and .*flac"),
        (
            lambda f: [
                write_sound(f / "speech/03-01-09-01-01-01-01.flac"),
                write_face(f / "faces/01-01-09-01-01-01-01.csv"),
            ],
            "emotion 01 to 08",
        ),
    ],
)
def test_damaged_files_are_named(folder, damage, message):
    damage(folder)
    with pytest.raises(ValueError, match=message):
        stored(folder, "train", fold=1)


def test_folds_and_files_that_are_not_there(folder, tmp_path):
    for fold in (4, "x"):
        with pytest.raises(ValueError, match=f"01, 02, 03. Received: fold={fold!r}"):
            stored(folder, "train", fold=fold)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="KERASFUSE_DATA.*zenodo"):
        stored(tmp_path / "empty", "train")


def test_without_soundfile_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(ImportError, match=r"kerasfuse-zoo\[data\]"):
        stored(folder, "train", fold=1)


def test_the_real_files(shared_data, tmp_path_factory, monkeypatch):
    if not (shared_data / "ravdess").is_dir():
        pytest.skip(f"no RAVDESS at {shared_data}/ravdess")
    counts = {}
    for split in ("train", "validation", "test"):
        batches = stored(shared_data / "ravdess", split)
        assert batches.modalities == {"text": 8, "audio": 64, "vision": 35}
        counts[split] = (batches.num_samples, actors(batches))
        # 60 takes an actor: 4 neutral, 8 of each other emotion.
        share = np.bincount(batches.labels[:, 0].astype(int)) / len(actors(batches))
        np.testing.assert_array_equal(share, [4, 8, 8, 8, 8, 8, 8, 8])
        lengths = batches._store.lengths
        assert (lengths["text"] == 6).all()
        assert 92 <= lengths["vision"].min() and lengths["vision"].max() <= 149
        assert 300 <= lengths["audio"].min() and lengths["audio"].max() <= 520
    assert counts == {"train": (180, {2, 3, 4}), "validation": (60, {1}), "test": (60, {5})}
