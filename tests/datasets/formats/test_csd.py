"""Sequences of the CMU multimodal SDK, made here, and the real one if present."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds
import tiny_data

from kerasfuse.datasets import load
from kerasfuse.datasets.formats import csd

# Of the standard split of MOSI.
VIDEOS = {"train": ["03bSnISJMiM", "W8NXH0Djyww"], "validation": ["WKA5OygbEKI"]}
VIDEOS["test"] = ["c7UH_rxdZv4"]
ALL = [video for videos in VIDEOS.values() for video in videos]
SECONDS = 12.0
SEGMENTS = np.array([[0.5, 3.0], [3.0, 5.5], [7.0, 11.0]])
FILES = {
    "CMU_MOSI_TimestampedWordVectors": (300, 2.0),
    "CMU_MOSI_COVAREP": (5, 10.0),
    "CMU_MOSI_Visual_Facet_42": (20, 6.0),
}


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def times(rate):
    starts = np.arange(0, SECONDS, 1 / rate)
    return np.stack([starts, starts + 1 / rate], axis=1)


def features(width, rate, video):
    return np.random.default_rng([width, ALL.index(video)]).normal(size=(len(times(rate)), width))


def write(folder, name, data):
    """Write a dict of video to (features, intervals)."""
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"{name}.csd", "w") as file:
        for video, (x, intervals) in data.items():
            file[f"{name}/data/{video}/features"] = x
            file[f"{name}/data/{video}/intervals"] = intervals
        file[f"{name}/metadata/root name"] = [name.encode()]


def label(video, i):
    return round(ALL.index(video) - 1.5 + i / 4, 2)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    for name, (width, rate) in FILES.items():
        write(folder, name, {v: (features(width, rate, v), times(rate)) for v in ALL})
    words = np.array([[b"one"], [b"sp"], [b"two"]] * 8, dtype="S12")
    write(folder, "CMU_MOSI_ModifiedTimestampedWords", {v: (words, times(2.0)) for v in ALL})
    values = {v: np.array([[label(v, i), 9, 9] for i in range(3)]) for v in ALL}
    write(folder, "CMU_MOSI_Opinion_Labels", {v: (x, SEGMENTS) for v, x in values.items()})
    return folder


def stored(folder, split="train", name="mosi", **options):
    return load(name, split, data_dir=folder, shuffle=False, batch_size=99, **options)


def test_segments_of_videos(folder):
    for split, videos in VIDEOS.items():
        batches = stored(folder, split)
        assert batches.ids == [f"{video}[{i}]" for video in videos for i in range(3)]
        np.testing.assert_allclose(
            batches.labels[:, 0], [label(video, i) for video in videos for i in range(3)]
        )
        (inputs, _) = batches[0]
        for modality, (width, rate) in zip(
            ("text", "audio", "vision"), FILES.values(), strict=True
        ):
            for row, name in zip(inputs[modality], batches.ids, strict=True):
                video, i = name[:-3], int(name[-2])
                start, end = SEGMENTS[i]
                middle = times(rate).mean(axis=1)
                wanted = features(width, rate, video)[(middle >= start) & (middle < end)]
                np.testing.assert_array_equal(row[: len(wanted)], wanted.astype("float32"))
                assert not row[len(wanted) :].any() and len(wanted)


def test_words_are_kept_without_pauses(folder):
    record = tfds.builder_from_directory(stored(folder)._store.folder).as_data_source("train")[0]
    # 0.5 to 3 s of half seconds: sp two one sp two.
    assert record["texts"]["words"] == b"two one two"


def test_the_file_itself_names_the_folder(folder):
    wanted = stored(folder).checksum()
    assert stored(folder / "CMU_MOSI_COVAREP.csd").checksum() == wanted


def change(folder, name, video, field, value):
    with h5py.File(folder / f"{name}.csd", "a") as file:
        place = f"{name}/data/{video}"
        if field:
            place += f"/{field}"
        del file[place]
        if value is not None:
            file[place] = value


def test_a_video_without_a_sequence_lacks_the_modality(folder, capsys):
    change(folder, "CMU_MOSI_COVAREP", ALL[1], None, None)
    inputs, _ = stored(folder)[0]
    assert not inputs["audio"][3:].any() and inputs["audio"][0].any() and inputs["text"][3].any()
    assert "absent in 3 samples" in capsys.readouterr().err


def test_covarep_is_cleaned_and_labels_are_clipped(folder, capsys):
    x = features(5, 10.0, ALL[0])
    x[20, 1] = -np.inf
    change(folder, "CMU_MOSI_COVAREP", ALL[0], "features", x)
    values = np.array([[4.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    change(folder, "CMU_MOSI_Opinion_Labels", ALL[0], "features", values)
    assert stored(folder).labels[0] == 3
    told = capsys.readouterr().err
    assert "1 values that were not finite" in told and "1 labels were clipped" in told
    assert "these files have 6/3/3" in told


DAMAGES = {
    "width": (
        lambda f: change(f, "CMU_MOSI_COVAREP", ALL[2], "features", np.ones((120, 43))),
        r"\(steps, 5\).*video 'WKA5OygbEKI' in .*COVAREP.csd.*\(120, 43\)",
    ),
    "intervals": (
        lambda f: change(f, "CMU_MOSI_COVAREP", ALL[0], "intervals", None),
        "features and intervals of '03bSnISJMiM' in .*COVAREP.csd",
    ),
    "no width": (
        lambda f: change(f, "CMU_MOSI_COVAREP", ALL[0], "features", np.ones((120, 0))),
        r"features of video '03bSnISJMiM' in .*COVAREP.csd'. Received: shape \(120, 0\)",
    ),
    "a number": (
        lambda f: change(f, "CMU_MOSI_COVAREP", ALL[0], None, 1.0),
        "features and intervals of '03bSnISJMiM' in .*COVAREP.csd'. Received: neither",
    ),
    "times in words": (
        lambda f: change(
            f, "CMU_MOSI_COVAREP", ALL[0], "intervals", np.array([[b"a", b"b"]] * 120)
        ),
        "expected numbers at .*intervals' in .*COVAREP.csd",
    ),
    "no file": (lambda f: (f / "CMU_MOSI_COVAREP.csd").unlink(), "missing: audio"),
    "broken": (
        lambda f: (f / "CMU_MOSI_COVAREP.csd").write_bytes(b"\x89HDF\r\n\x1a\n"),
        r"\.csd file.*COVAREP.csd",
    ),
    "two": (
        lambda f: (f / "CMU_MOSI_openSMILE.csd").write_bytes(
            (f / "CMU_MOSI_COVAREP.csd").read_bytes()
        ),
        "one file of audio.*COVAREP.*openSMILE",
    ),
    "words as labels": (
        lambda f: change(
            f, "CMU_MOSI_Opinion_Labels", ALL[0], "features", np.array([[b"a"]] * 3, dtype="S1")
        ),
        "labels that are numbers.*Opinion_Labels.csd",
    ),
}


def write_emotions(folder, name, root):
    """Write six strengths from 0 to 3 a segment, as CMU-MOSEI has them."""
    strengths = np.random.default_rng(0).integers(0, 4, (3, 6)).astype("float32")
    with h5py.File(folder / name, "w") as file:
        for video in ALL:
            file[f"{root}/data/{video}/features"] = strengths
            file[f"{root}/data/{video}/intervals"] = SEGMENTS


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("CMU_MOSEI_LabelsEmotions.csd", "Emotion Labels"),
        ("CMU_MOSEI_LabelsSentiment.csd", "Emotion Labels"),
        ("Emotions_label.csd", "root"),
        ("CMU_MOSEI_Labels.csd", "All Labels"),
    ],
)
def test_emotions_are_not_taken_for_sentiment(folder, name, root):
    (folder / "CMU_MOSI_Opinion_Labels.csd").unlink()
    write_emotions(folder, name, root)
    with pytest.raises(
        ValueError, match=f"opinion or sentiment labels.*{name}', whose sequence '{root}' has 6"
    ):
        stored(folder)


def test_emotions_beside_sentiment_are_left_aside(folder, capsys):
    wanted = stored(folder).labels
    write_emotions(folder, "CMU_MOSEI_LabelsEmotions.csd", "Emotion Labels")
    np.testing.assert_array_equal(stored(folder).labels, wanted)
    assert "not used: CMU_MOSEI_LabelsEmotions.csd, whose labels are" in capsys.readouterr().err


EMOTIONS = ["happy", "sad", "anger", "surprise", "disgust", "fear"]


@pytest.fixture
def mosei_folder(tmp_path):
    strengths = tiny_data.sequences_of_mosei(tmp_path / "mosei")
    return tmp_path / "mosei", strengths


def rewrite(folder, name, root, change, dimensions=None):
    """Write the file of emotions anew as another one, its strengths changed by video."""
    source = folder / "CMU_MOSEI_LabelsEmotions.csd"
    with h5py.File(source) as file:
        data = {
            video: (group["features"][()], group["intervals"][()])
            for video, group in file["Emotion Labels/data"].items()
        }
    source.unlink()
    with h5py.File(folder / name, "w") as file:
        for video, (x, intervals) in data.items():
            file[f"{root}/data/{video}/features"] = change(x)
            file[f"{root}/data/{video}/intervals"] = intervals
        if dimensions is not None:
            file[f"{root}/metadata/dimension names"] = [str(dimensions).encode()]


def emotions(folder, split="train", **options):
    return stored(folder, split, name="mosei", label="emotions", **options)


def check_emotions(folder, strengths):
    for split, wanted in strengths.items():
        batches = emotions(folder, split)
        np.testing.assert_array_equal(batches.labels, (wanted > 0).astype("float32"))
        assert batches.labels.dtype == "float32"
        np.testing.assert_array_equal(batches[0][1], batches.labels)
    present = strengths["train"] > 0
    assert 0 < present.mean() < 1 and len({*map(tuple, present.T)}) == 6  # columns differ


def test_emotions_are_present_or_not(mosei_folder, capsys):
    folder, strengths = mosei_folder
    check_emotions(folder, strengths)
    told = capsys.readouterr().err
    assert "not used: CMU_MOSEI_LabelsSentiment.csd, whose labels are sentiment" in told
    # Both kinds of label stay side by side, and the features are the same.
    sentiment = stored(folder, name="mosei")
    assert sentiment.labels.shape == (12, 1) and sentiment.ids == emotions(folder).ids
    for modality, x in sentiment[0][0].items():
        np.testing.assert_array_equal(x, emotions(folder)[0][0][modality])
    capsys.readouterr()
    stored(folder, name="mosei", label="sentiment")
    check_emotions(folder, strengths)
    assert capsys.readouterr().err == ""


def all_labels(x):
    return np.concatenate([np.full((len(x), 1), -2.0), x], axis=1)


ORDER = [4, 0, 6, 3, 2, 1, 5]
NAMES = [["sentiment", *EMOTIONS][i] for i in ORDER]


@pytest.mark.parametrize(
    ("change", "dimensions", "root"),
    [
        (all_labels, None, "All Labels"),
        (all_labels, json.dumps(["sentiment", *EMOTIONS]), "All Labels"),
        # Where the file names its columns, these may be in any order.
        (lambda x: all_labels(x)[:, ORDER], json.dumps(NAMES), "All Labels"),
        (lambda x: x[:, ::-1], json.dumps(EMOTIONS[::-1]), "Emotion Labels"),
        (lambda x: x[:, [2, 4, 5, 0, 1, 3]], str(sorted(EMOTIONS)), "root"),
        (
            lambda x: x[:, [2, 4, 5, 0, 1, 3]],
            '["Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"]',
            "Emotion Labels",
        ),
        # What is not understood is as the SDK documents it.
        (lambda x: x, '["a", "b", "c", "d", "e", "f"]', "Emotion Labels"),
        (lambda x: x, json.dumps(EMOTIONS[:5]), "Emotion Labels"),
        (lambda x: x, "asdf", "Emotion Labels"),
        (lambda x: x, "7", "Emotion Labels"),
    ],
)
def test_columns_of_emotions(mosei_folder, change, dimensions, root):
    folder, strengths = mosei_folder
    (folder / "CMU_MOSEI_LabelsSentiment.csd").unlink()
    rewrite(folder, "CMU_MOSEI_Labels.csd", root, change, dimensions)
    check_emotions(folder, strengths)


@pytest.mark.parametrize(
    ("order", "dimensions"), [(range(7), None), (ORDER, json.dumps(NAMES))], ids=["plain", "named"]
)
def test_all_labels_serve_both(mosei_folder, order, dimensions):
    folder, strengths = mosei_folder
    (folder / "CMU_MOSEI_LabelsSentiment.csd").unlink()

    def change(x):
        return all_labels(x)[:, list(order)]

    rewrite(folder, "CMU_MOSEI_Labels.csd", "All Labels", change, dimensions)
    check_emotions(folder, strengths)
    assert (stored(folder, name="mosei").labels == -2).all()


def test_strengths_beyond_the_scale_and_without_a_number(mosei_folder, capsys):
    folder, strengths = mosei_folder

    def change(x):
        x = x.copy()
        x[0, 0] = 13 / 3  # as old files have it
        return x

    rewrite(folder, "CMU_MOSEI_LabelsEmotions.csd", "Emotion Labels", change)
    labels = emotions(folder).labels
    assert (labels[::3, 0] == 1).all() and labels.max() == 1
    assert "7 labels were clipped to [0, 3]" in capsys.readouterr().err

    def without_a_number(x):
        x = x.copy()
        x[1, 2] = np.nan
        return x

    rewrite(folder, "CMU_MOSEI_LabelsEmotions.csd", "Emotion Labels", without_a_number)
    assert emotions(folder).ids == [f"v{v}[{i}]" for v in range(4) for i in (0, 2)]
    assert "left out of train, 4 samples: v0[1] (no label)" in capsys.readouterr().err


def test_files_without_emotions_are_refused(mosei_folder, tmp_path):
    folder, _ = mosei_folder
    emotions_file = folder / "CMU_MOSEI_LabelsEmotions.csd"
    with pytest.raises(ValueError, match="one file of label.*/CMU_MOSEI_Labels.csd and .*Emotions"):
        (folder / "CMU_MOSEI_Labels.csd").write_bytes(emotions_file.read_bytes())
        emotions(folder)
    (folder / "CMU_MOSEI_Labels.csd").unlink()
    rewrite(folder, "CMU_MOSEI_LabelsEmotions.csd", "Emotion Labels", lambda x: x[:, :5])
    with pytest.raises(ValueError, match="six columns.*or seven.*'Emotion Labels' has 5 columns"):
        emotions(folder)
    emotions_file.unlink()
    with pytest.raises(
        ValueError, match="strengths of six .*Sentiment.csd', whose sequence .* has 1 column, sent"
    ):
        emotions(folder)
    pickle = tiny_data.dump(tiny_data.mult("mosei"), tmp_path / "a" / "unaligned_50.pkl")
    load("mosei", data_dir=pickle)
    for place in (pickle, pickle.parent):
        with pytest.raises(ValueError, match=f"LabelsEmotions.csd.*{pickle.name}', a pickle"):
            emotions(place)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="without CMU_MOSEI_LabelsEmotions.csd"):
        emotions(tmp_path / "empty")
    with pytest.raises(ValueError, match="sentiment, emotions. Received: label='emotion'"):
        load("mosei", data_dir=folder, label="emotion")
    with pytest.raises(ValueError, match="an argument of mosi. Received: label='emotions'"):
        load("mosi", data_dir=folder, label="emotions")
    tiny_data.sequences_of_mosei(tmp_path / "again")
    with pytest.raises(ValueError, match="expected aligned sequences.*holds unaligned"):
        emotions(tmp_path / "again", aligned=True)


def test_a_pickle_beside_the_sequences_does_not_hide_them(mosei_folder):
    folder, strengths = mosei_folder
    tiny_data.dump(tiny_data.mult("mosei"), folder / "mosei_senti_data_noalign.pkl")
    check_emotions(folder, strengths)
    # Sentiment is still that of the pickle.
    assert stored(folder, name="mosei").num_samples == tiny_data.SIZES["train"]


def test_data_sets_of_pickles_do_not_take_sequences(folder):
    # The four emotions of IEMOCAP are no single number.
    with pytest.raises(FileNotFoundError, match="iemocap_data_noalign.pkl"):
        stored(folder, name="iemocap")
    with pytest.raises(ValueError, match="pickle of iemocap.*Opinion_Labels.csd"):
        stored(folder / "CMU_MOSI_Opinion_Labels.csd", name="iemocap")


def test_a_locked_file_is_called_locked(folder):
    file = folder / "CMU_MOSI_COVAREP.csd"
    command = f"import h5py, sys; f = h5py.File({str(file)!r}, 'a'); print(1, flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        other.stdout.readline()
        try:
            h5py.File(file, "r").close()
        except OSError:
            with pytest.raises(OSError, match="COVAREP.csd', which is locked.*Close the program"):
                stored(folder)
        else:
            pytest.skip("no file locks here")
        finally:
            other.communicate(b"\n")
    assert stored(folder).num_samples == 6


def test_pointers_and_damaged_files(folder):
    with pytest.raises(ValueError, match="a .csd file .HDF5.*COVAREP.csd.*Download it again"):
        (folder / "CMU_MOSI_COVAREP.csd").write_bytes(b"abc")
        stored(folder)
    with pytest.raises(ValueError, match="COVAREP.csd', which is a Git LFS pointer"):
        (folder / "CMU_MOSI_COVAREP.csd").write_bytes(b"version https://git-lfs.github.com/spec/v1")
        csd.Sequence(folder / "CMU_MOSI_COVAREP.csd")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_told(folder, damage):
    apply, message = DAMAGES[damage]
    apply(folder)
    with pytest.raises(ValueError, match=message):
        stored(folder)


def test_mosei_takes_its_splits_from_a_list(folder, capsys):
    with pytest.raises(FileNotFoundError, match="folds.json"):
        stored(folder, name="mosei")
    lists = {"train": ALL[:1], "validation": ALL[1:2], "test": ALL[2:3]}
    (folder / "folds.json").write_text(json.dumps(lists))
    assert stored(folder, name="mosei").ids == [f"{ALL[0]}[{i}]" for i in range(3)]
    assert "3 segments of videos in no split: ['c7UH_rxdZv4[0]'" in capsys.readouterr().err
    (folder / "folds.json").unlink()
    # As the SDK has it: Python, which is parsed and not run.
    text = "raise SystemExit\n" + "".join(
        f"standard_{theirs}_fold = {videos!r}\n"
        for theirs, videos in zip(
            ("train", "valid", "test"), [*map(lambda v: [v], ALL[1:])], strict=True
        )
    )
    (folder / "cmu_mosei_std_folds.py").write_text(text)
    assert stored(folder, "test", name="mosei").ids[0] == f"{ALL[3]}[0]"
    (folder / "cmu_mosei_std_folds.py").write_text("standard_train_fold = open('x')\n")
    with pytest.raises(ValueError, match="lists of videos.*std_folds.py"):
        stored(folder, name="mosei")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"train": [1], "validation": [2], "test": [3]}', "[1]", "{"]
)
def test_lists_that_are_none_are_told(folder, text):
    (folder / "folds.json").write_text(text)
    with pytest.raises(ValueError, match="expected lists of videos. Received: .*folds.json"):
        stored(folder, name="mosei")


def test_a_label_for_several_segments_of_one_is_told(folder):
    with h5py.File(folder / "CMU_MOSI_Opinion_Labels.csd", "a") as file:
        data = file["CMU_MOSI_Opinion_Labels/data"]
        data.move(ALL[0], f"{ALL[0]}[0]")
    with pytest.raises(ValueError, match="one label of the segment '03bSnISJMiM.0.' in .*: 3"):
        stored(folder)


@pytest.mark.parametrize("end", [11.0, np.inf])
def test_segments_that_lie_over_each_other_are_refused(folder, end):
    name = "CMU_MOSI_Opinion_Labels"
    change(folder, name, ALL[0], "features", np.ones((30, 3)))
    change(folder, name, ALL[0], "intervals", np.array([[0.5, end]] * 30))
    with pytest.raises(
        ValueError, match="segments that follow each other in video '03b.*: 30 segm"
    ):
        stored(folder)


def test_segments_may_share_a_part_and_lack_their_times(folder):
    times = np.array([[0.5, 4.0], [3.0, 5.5], [np.nan, np.nan]])
    change(folder, "CMU_MOSI_Opinion_Labels", ALL[0], "intervals", times)
    assert stored(folder).ids[:2] == [f"{ALL[0]}[0]", f"{ALL[0]}[1]"]


def test_lists_of_other_videos_are_shown(folder):
    lists = {"train": ["a1", "a2"], "validation": ["a3"], "test": ["a4"]}
    (folder / "folds.json").write_text(json.dumps(lists))
    with pytest.raises(
        ValueError, match=r"none of train, validation, test.* such as 'a1', 'a2', 'a3', the .*ISJ"
    ):
        stored(folder, name="mosei")


def test_the_real_words(shared_data):
    path = shared_data / "mosi" / "CMU_MOSI_ModifiedTimestampedWords.csd"
    if not path.is_file():
        pytest.skip(f"no CMU-MOSI sequence at {path}")
    sequence = csd.Sequence(path)
    assert sequence.is_text and len(sequence.keys()) == 93
    words = [word for video in sequence.keys() for word in sequence.read(video)[0][:, 0].tolist()]
    assert len(words) == 51056 and words.count(b"sp") == 8287
    for video in sequence.keys():
        intervals = sequence.read(video)[1]
        assert (intervals[:, 1] >= intervals[:, 0]).all()
