"""RAVDESS of 24 actors: folds, absent faces, and features that recordings have too."""

import numpy as np
import pytest

from kerasfuse import datasets, recordings
from kerasfuse.datasets.formats import openface

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data")


def write(folder):
    """Write two emotions of each actor, faces of the first five."""
    rng = np.random.default_rng(0)
    for place in ("all", "faces"):
        (folder / place).mkdir(parents=True)
    for actor in range(1, 25):
        for emotion in (1, 8):
            take = f"01-{emotion:02d}-01-01-01-{actor:02d}"
            sound = folder / "all" / f"03-{take}.flac"
            soundfile.write(sound, rng.normal(size=4800) / 10, 16000)
            if actor <= 5:
                table = rng.uniform(0.1, 5, (7, 35)).round(2)
                np.savetxt(
                    folder / "faces" / f"01-{take}.csv",
                    table,
                    delimiter=";",
                    header=";".join(openface.UNITS),
                    comments="",
                )
    return folder


def load(folder, split="train", **options):
    return datasets.load(
        "ravdess_speech", split, 99, folder, shuffle=False, **{"fold": 1, **options}
    )


def actors(batches):
    return {int(name[-2:]) for name in batches.ids}


@pytest.mark.parametrize("fold", [1, 2, 3, 4, 5])
def test_a_fold_tests_every_fifth_actor_and_validates_on_the_next(folder, fold):
    found = {split: actors(load(folder, split, fold=fold)) for split in SPLITS}
    everybody = set(range(1, 25))
    assert found["test"] == {actor for actor in everybody if actor % 5 == fold % 5}
    assert found["validation"] == {actor for actor in everybody if actor % 5 == (fold + 1) % 5}
    assert found["train"] == everybody - found["test"] - found["validation"]
    assert min(found["test"]) == fold  # one with a face in each


def test_faces_are_absent_where_there_are_none(folder):
    data = load(folder, "test")
    inputs, labels = data[0]
    assert data.modalities == {"audio": 64, "vision": 35}
    there = inputs["vision"].any(axis=(1, 2))
    assert there.tolist() == [name.endswith("01") for name in data.ids] and there.sum() == 2
    assert labels.ravel().tolist() == [7 * (name[3:5] == "08") for name in data.ids]


@pytest.mark.parametrize(("sound", "extract"), [("log_mel", "log_mel"), ("prosody", "prosody")])
def test_audio_is_that_of_recordings(folder, sound, extract):
    data = load(folder, "test", sound=sound, standardize=False)
    inputs, _ = data[0]
    for row, name in enumerate(data.ids):
        stream = getattr(recordings, extract)(recordings.Sound(folder / "all" / f"03-{name}.flac"))
        np.testing.assert_array_equal(inputs["audio"][row, : len(stream.values)], stream.values)


def test_features_are_standardised_by_the_training_actors(folder):
    data = load(folder)
    inputs, _ = data[0]
    for x in inputs.values():
        steps = x[x.any(axis=2)]
        np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-2)


def test_without_any_face_vision_is_an_input_all_the_same(folder):
    for file in (folder / "faces").iterdir():
        file.unlink()
    data = load(folder)
    assert data.modalities["vision"] == 35 and not data[0][0]["vision"].any()
    assert load(folder, modalities=["audio"]).modalities == {"audio": 64}


def test_of_a_part_and_the_whole_the_whole_counts(folder):
    (folder / "a_part").mkdir()
    name = "03-01-01-01-01-01-01.flac"
    soundfile.write(folder / "a_part" / name, np.full(4800, 0.5), 16000)
    assert load(folder, "test").num_samples == 10  # the constant one would be silent


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"fold": 6}, ValueError, "fold to be one of 1, 2, 3, 4, 5"),
        ({"sound": "mfcc"}, ValueError, "sound to be one of"),
        ({"modalities": ["text"]}, ValueError, "modalities to be some of"),
    ],
)
def test_what_it_does_not_have(folder, options, error, said):
    with pytest.raises(error, match=said):
        load(folder, **options)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="without speech.*zenodo"):
        load(tmp_path)


def test_a_silent_clip_is_told(folder):
    soundfile.write(folder / "all/03-01-01-01-01-01-07.flac", np.zeros(4800), 16000)
    with pytest.raises(ValueError, match="03-01-01-01-01-01-07.flac.*silent all through"):
        load(folder)


def test_the_real_clips(shared_data):
    place = shared_data.parent
    if not (place / "recordings/ravdess/speech").is_dir():
        pytest.skip(f"no RAVDESS of 24 actors in {place / 'recordings/ravdess/speech'}")
    assert load(place, "test", fold=5).num_samples == 240
    data = load(place, "test", fold=3)
    assert data.num_samples == 300 and actors(data) == {3, 8, 13, 18, 23}
    assert np.bincount(data.labels.astype(int).ravel()).tolist() == [20] + 7 * [40]
