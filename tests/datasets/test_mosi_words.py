"""CMU-MOSI by words, from files made here, and from the real ones if present."""

import csv
import pathlib
import shutil

import h5py
import numpy as np
import pytest
import tiny_preset

from kerasfuse.datasets import load, mosi_words
from kerasfuse.text import TextEncoder
from kerasfuse.text.word_timing import word_timing

pytest.importorskip("keras_hub", reason="needs keras-hub (the extra `text`)")

# Of the standard split, by the order of names.
VIDEOS = {"train": ["03bSnISJMiM", "W8NXH0Djyww"], "validation": ["WKA5OygbEKI"]}
VIDEOS["test"] = ["c7UH_rxdZv4"]
ALL = [video for videos in VIDEOS.values() for video in videos]
WORDS = ["the", "film", "was", "really", "badly", "good", "sp", "umm", "not", "it's", "xxx"]
SEGMENTS = 4
PER_SEGMENT = 6
FOLDER = "mosi"


def spoken(video):
    """Give the words of a video, and their times, which go with the letters."""
    rng = np.random.default_rng(ALL.index(video))
    words = [WORDS[i] for i in rng.integers(0, len(WORDS), SEGMENTS * PER_SEGMENT)]
    words[:2], words[-2:] = ["film", "good"], ["Really", "bad"]
    seconds = np.array([0.1 * len(word) for word in words]) + rng.uniform(0, 0.02, len(words))
    ends = np.cumsum(seconds + 0.05)
    return words, np.stack([ends - seconds, ends], axis=1)


def bounds(video):
    times = spoken(video)[1]
    first = times[::PER_SEGMENT, 0]
    return np.stack([first, np.append(first[1:], times[-1, 1])], axis=1)


def values(video):
    return np.linspace(-2, 2, SEGMENTS) + ALL.index(video) / 10


def sequence(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"{name}.csd", "w") as file:
        for video, (x, intervals) in data.items():
            file[f"{name}/data/{video}/features"] = x
            file[f"{name}/data/{video}/intervals"] = intervals


def write(folder, shift=1, audio=True):
    """Write the files of the data set; `shift`: by how many places words are too far behind."""
    timed = {}
    for video in ALL:
        words, times = spoken(video)
        if shift:
            words, times = ["sp"] * shift + words, np.concatenate([times, times[-1:] + 1])
        timed[video] = np.array([[w.encode()] for w in words], "S12"), times
    sequence(folder / FOLDER, "CMU_MOSI_ModifiedTimestampedWords", timed)
    labels = {video: (values(video)[:, None], bounds(video)) for video in ALL}
    sequence(folder / FOLDER / "standard", "CMU_MOSI_Opinion_Labels", labels)
    if audio:
        _write_audio(folder / FOLDER / "bclstm")
    return folder


def said(video, segment):
    words = spoken(video)[0][segment * PER_SEGMENT : (segment + 1) * PER_SEGMENT]
    return [word.lower() for word in words if word not in ("sp", "xxx")]


def sound(video, segment):
    return np.random.default_rng([ALL.index(video), segment]).normal(size=73).round(4)


def _write_audio(folder):
    """Write bc-LSTM's files. In the first video the order of utterances is another."""
    (folder / "audio").mkdir(parents=True)
    rows = []
    for video in ALL:
        order = list(range(SEGMENTS))
        if video == ALL[0]:
            order[1], order[2] = order[2], order[1]
        rows += [(video, number, segment) for number, segment in enumerate(order, 1)]
    with open(folder / "transcripts.csv", "w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        for video, number, segment in rows:
            told = " ".join(said(video, segment)).upper()
            writer.writerow([f"{video}_{number}", told, ALL.index(video), 1])
    half = len(rows) // 2
    for part, some in (("train", range(half)), ("test", range(half, len(rows)))):
        (folder / f"text_{part}.csv").write_text("".join(f"{row},0,1\n" for row in some))
        lines = [",".join(map(str, [*sound(rows[r][0], rows[r][2]), 1])) for r in some]
        (folder / "audio" / f"audio_{part}0.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    tiny_preset.make(folder)
    return folder


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("KERASFUSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


@pytest.fixture
def made(tmp_path, preset):
    """Load a split of the files made here."""
    folder = write(tmp_path / "data")

    def loaded(split="train", data_dir=folder, **arguments):
        arguments = {"encoder": preset, "layers": 1, "standardize": False} | arguments
        return load(
            "mosi_words", split, data_dir=data_dir, shuffle=False, batch_size=99, **arguments
        )

    return loaded


def test_a_step_is_a_word_with_its_vector_and_its_timing(made, preset):
    encoder = TextEncoder(preset)
    for split, videos in VIDEOS.items():
        batches = made(split)
        assert batches.ids == [f"{video}[{i}]" for video in videos for i in range(SEGMENTS)]
        assert batches.modalities == {"text": 8, "timing": 5, "audio": 73}
        assert batches.aligned == ("text", "timing")
        wanted = np.concatenate([values(video) for video in videos])
        np.testing.assert_allclose(batches.labels[:, 0], wanted, atol=1e-6)
        inputs, _ = batches[0]
        for row, name in enumerate(batches.ids):
            video, segment = name[:-3], int(name[-2])
            words = said(video, segment)
            (vectors,) = encoder.words([words])
            np.testing.assert_allclose(inputs["text"][row, : len(words)], vectors, atol=1e-5)
            assert not inputs["text"][row, len(words) :].any()
            all_words, times = spoken(video)
            spoken_times = times[[w not in ("sp", "xxx") for w in all_words]]
            middle = spoken_times.mean(axis=1)
            start, end = bounds(video)[segment]
            rows = ((middle >= start) & (middle < end)).nonzero()[0]
            timing = word_timing(spoken_times, rows, start, end)
            np.testing.assert_allclose(inputs["timing"][row, : len(words)], timing, atol=1e-5)


def test_audio_is_joined_by_the_transcripts(made):
    for split, videos in VIDEOS.items():
        wanted = [sound(video, segment) for video in videos for segment in range(SEGMENTS)]
        inputs, _ = made(split)[0]
        np.testing.assert_allclose(inputs["audio"][:, 0], wanted, atol=1e-6)


def test_audio_that_is_not_there_is_absent_and_counted(made, tmp_path, capsys):
    batches = made(data_dir=write(tmp_path / "silent", audio=False))
    assert not batches[0][0]["audio"].any()
    report = " ".join(capsys.readouterr().err.split())
    assert "audio 73; absent in 16 samples." in report
    assert "audio: absent everywhere" in report


def test_an_utterance_without_its_transcript_lacks_audio_alone(made, tmp_path, capsys):
    folder = write(tmp_path / "strange")
    path = folder / FOLDER / "bclstm" / "transcripts.csv"
    lines = path.read_text().splitlines()
    lines[0] = f'"{ALL[0]}_1","NOTHING OF THE KIND","0","1"'
    path.write_text("\n".join(lines) + "\n")
    inputs, _ = made(data_dir=folder)[0]
    assert not inputs["audio"][0].any() and inputs["audio"][1:].any(axis=(1, 2)).all()
    assert inputs["text"][0].any()
    report = " ".join(capsys.readouterr().err.split())
    assert f"absent in 1 segments without such a transcript: {ALL[0]}[0]." in report


def test_words_a_place_off_are_mended_and_told(made, tmp_path, capsys):
    off = made()
    report = " ".join(capsys.readouterr().err.split())
    assert "the times of words stood 1 place off" in report and "place j -1 now" in report
    right = made(data_dir=write(tmp_path / "right", shift=0))
    assert "place off" not in capsys.readouterr().err
    for name in ("text", "timing"):
        np.testing.assert_array_equal(off[0][0][name], right[0][0][name])


def test_what_was_done_with_words_is_counted(made, capsys):
    made()
    report = " ".join(capsys.readouterr().err.split())
    every = [word for video in ALL for word in spoken(video)[0]]
    counts = [sum(word not in ("sp", "xxx") for word in every), 0]
    assert f"words: {counts[0]:,} were said, 0 of them in no labelled segment" in report
    assert f"{every.count('sp')} pauses ('sp') and {every.count('xxx')} words" in report


def test_context_puts_the_utterances_before_in_front(made):
    plain, wide = made("validation"), made("validation", context=2)
    alone, joined = plain[0][0], wide[0][0]
    lengths = [len(said(VIDEOS["validation"][0], i)) for i in range(SEGMENTS)]
    for row, length in enumerate(lengths):
        before = range(max(0, row - 2), row)
        start = sum(lengths[i] for i in before)
        for name in ("text", "timing"):
            own = joined[name][row, start : start + length]
            np.testing.assert_allclose(own, alone[name][row, :length], atol=1e-6)
        position = joined["timing"][row, :, 4]
        at = 0
        for back, i in zip(range(len(before), 0, -1), before, strict=True):
            wanted = alone["timing"][i, : lengths[i], 4] - back
            np.testing.assert_allclose(position[at : at + lengths[i]], wanted, atol=1e-5)
            at += lengths[i]
        steps = np.concatenate([alone["audio"][i] for i in (*before, row)])
        np.testing.assert_array_equal(joined["audio"][row, : len(steps)], steps)
    # The first utterance of a video knows nothing of another video.
    assert joined["audio"][0, 1:].any() == np.False_


def test_positions_of_the_context_are_scaled_like_the_others(made):
    raw, scaled = (made("test", context=1, standardize=value) for value in (False, True))
    alone = made("test", standardize=True)
    train = made(standardize=False)
    steps = train[0][0]["timing"][..., 4][train[0][0]["timing"].any(axis=-1)]
    wanted = (raw[0][0]["timing"][..., 4] - steps.mean()) / steps.std()
    there = raw[0][0]["timing"].any(axis=-1)
    np.testing.assert_allclose(scaled[0][0]["timing"][..., 4][there], wanted[there], atol=1e-4)
    assert alone[0][0]["timing"].shape[1] < scaled[0][0]["timing"].shape[1]


def test_features_are_standardised_by_the_training_utterances(made):
    raw, scaled = (made(standardize=value) for value in (False, True))
    for name in raw.modalities:
        steps = raw[0][0][name][raw[0][0][name].any(axis=-1)]
        mean, deviation = steps.mean(0, dtype="float64"), steps.std(0, dtype="float64")
        wanted = (raw[0][0][name] - mean) / np.where(deviation < 1e-6, np.inf, deviation)
        found = scaled[0][0][name]
        there = found.any(axis=-1)
        np.testing.assert_allclose(found[there], wanted[there], atol=1e-3)


def test_audio_is_cut_off_where_it_is_far_out(made, tmp_path):
    folder = write(tmp_path / "loud")
    path = folder / FOLDER / "bclstm" / "audio" / "audio_test0.csv"
    lines = path.read_text().splitlines()
    lines[-1] = "1e6," + lines[-1].split(",", 1)[1]
    path.write_text("\n".join(lines) + "\n")
    assert made("test", folder, standardize=True)[0][0]["audio"].max() == 5


def test_some_modalities_and_classes(made):
    batches = made("test", modalities=["audio", "text"], label="class")
    assert batches.modalities == {"text": 8, "audio": 73} and batches.aligned == ("text",)
    np.testing.assert_array_equal(batches.labels[:, 0], made("test").labels[:, 0] >= 0)


def test_an_absent_modality_is_an_input_of_zeros(made):
    whole, part = made("test", standardize=True), made("test", standardize=True, absent=["audio"])
    assert part.modalities == whole.modalities and part.checksum() != whole.checksum()
    (here, _), (there, _) = whole[0], part[0]
    assert not there["audio"].any() and here["audio"].any()
    for name in ("text", "timing"):
        np.testing.assert_array_equal(here[name], there[name])


def test_ids_are_the_pieces_of_the_words(made, preset):
    encoder = TextEncoder(preset)
    vectors, batches = made("test"), made("test", text="ids")
    assert batches.modalities == {"text": None, "timing": 5, "audio": 73}
    assert batches.aligned == ("text", "timing")
    (alone, _), (inputs, _) = vectors[0], batches[0]
    np.testing.assert_array_equal(alone["audio"], inputs["audio"])
    for row in range(SEGMENTS):
        words = said(VIDEOS["test"][0], row)
        (ids,), (word,) = encoder.ids([words]), encoder.offsets([words])
        np.testing.assert_array_equal(inputs["text"][row, : len(ids)], ids)
        assert not inputs["text"][row, len(ids) :].any()
        timing = inputs["timing"][row, : len(ids)]
        assert not timing[[0, -1]].any()
        np.testing.assert_array_equal(timing[1:-1], alone["timing"][row][word])


def test_records_serve_where_the_encoder_is_gone(made, preset, tmp_path, monkeypatch):
    wanted = made("test")[0][0]["text"]
    monkeypatch.setattr(mosi_words, "TextEncoder", lambda *_: pytest.fail("loaded anew"))
    np.testing.assert_array_equal(made("test")[0][0]["text"], wanted)


def test_an_encoder_that_changed_is_read_again(made, preset, tmp_path):
    copy = tmp_path / "encoder"
    shutil.copytree(preset, copy)
    first = made("test", encoder=copy)
    tiny_preset.make(copy, seed=1)
    second = made("test", encoder=copy)
    assert first.checksum() != second.checksum()
    assert np.abs(first[0][0]["text"] - second[0][0]["text"]).max() > 0.1


def test_the_checksum_is_of_files_encoder_and_options(made):
    sums = {made("test", **options).checksum() for options in ({}, {"context": 1}, {"layers": 2})}
    assert len(sums) == 3 and made("test").checksum() in sums


def test_another_encoder_than_the_one_asked_for_is_refused(made, preset):
    assert made("test", encoder_sha256=TextEncoder(preset).sha256).num_samples == SEGMENTS
    for _ in range(2):  # before the conversion of another preset, and after it
        with pytest.raises(ValueError, match="expected a text encoder with the sha256 00"):
            made("test", encoder_sha256="00")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modalities": ["vision"]}, "some of .'text', 'timing', 'audio'.. Received: .*vision"),
        ({"modalities": []}, "expected modalities to be a list of some"),
        ({"absent": "audio"}, "expected absent to be a list of some"),
        ({"context": -1}, "expected context to be a number of utterances"),
        ({"context": 1, "modalities": ["text"]}, "expected 'timing' among the modalities"),
        ({"label": "emotions"}, "label"),
        ({"text": "words"}, "text"),
        ({"text": "ids", "context": 1}, "expected text='ids' without context"),
        ({"encoder": "/nowhere"}, "expected a text encoder in '/nowhere'"),
    ],
)
def test_options_that_do_not_fit_are_refused(made, options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)


@pytest.mark.parametrize("kind", ["Words", "Labels"])
def test_a_missing_file_is_named(made, tmp_path, kind):
    folder = write(tmp_path / "part")
    (path,) = folder.rglob(f"*{kind}.csd")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"without CMU_MOSI_.*{kind}.csd.*SDK"):
        made(data_dir=folder)
    assert not [p for p in tmp_path.glob("tfds/**/*") if p.is_file() and p.name != ".lock"]


def test_two_files_of_words_are_refused(made, tmp_path):
    folder = write(tmp_path / "twice")
    (path,) = folder.rglob("*Words.csd")
    shutil.copy(path, path.with_name("old Words.csd"))
    with pytest.raises(ValueError, match="expected one .csd file of words. Received: .*, .*"):
        made(data_dir=folder)


def test_words_that_no_segment_names_are_counted(made, tmp_path, capsys):
    folder = write(tmp_path / "more")
    (path,) = folder.rglob("*Words.csd")
    with h5py.File(path, "a") as file:
        group = file[f"{path.stem}/data"]
        group.copy(group[ALL[0]], "unknown0")
    wanted = made("test")
    capsys.readouterr()
    found = made("test", folder)
    report = " ".join(capsys.readouterr().err.split())
    assert "videos without a labelled segment, not used, 1: unknown0." in report
    np.testing.assert_array_equal(found[0][0]["text"], wanted[0][0]["text"])


def test_files_far_below_a_folder_are_not_looked_for(made, tmp_path):
    write(tmp_path / "a" / "b" / "c")
    with pytest.raises(FileNotFoundError, match="CMU_MOSI_ModifiedTimestampedWords.csd and"):
        made(data_dir=tmp_path / "a")


def test_words_of_other_videos_are_refused(made, tmp_path):
    folder = write(tmp_path / "other")
    words = {f"other{i}": (np.array([[b"a"]]), np.array([[0.0, 1.0]])) for i in range(3)}
    sequence(folder / FOLDER, "CMU_MOSI_ModifiedTimestampedWords", words)
    with pytest.raises(ValueError, match="expected the videos of .*none of its 4 videos"):
        made(data_dir=folder)


def test_numbers_in_place_of_words_are_refused(made, tmp_path):
    folder = write(tmp_path / "numbers")
    numbers = {video: (np.ones((2, 1)), np.array([[0.0, 1.0], [1, 2]])) for video in ALL}
    sequence(folder / FOLDER, "CMU_MOSI_ModifiedTimestampedWords", numbers)
    with pytest.raises(ValueError, match="expected a sequence of words. Received: .*others"):
        made(data_dir=folder)


def test_vectors_that_saw_test_labels_do_not_enter(tmp_path, monkeypatch, preset):
    """The text and video features of bc-LSTM were learnt with labels of what are test videos."""
    folder = write(tmp_path / "data") / FOLDER / "bclstm"
    for kind in ("text", "video"):
        for part in ("train", "test"):
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{kind}_{part}0.csv").write_text("these must not be read")
    opened = []
    real = pathlib.Path.open
    monkeypatch.setattr(
        pathlib.Path, "open", lambda self, *a, **k: opened.append(self) or real(self, *a, **k)
    )
    batches = load("mosi_words", data_dir=tmp_path / "data", encoder=preset, layers=1)
    assert batches.modalities == {"text": 8, "timing": 5, "audio": 73}
    assert not {path.parent.name for path in opened} & {"text", "video"}
    assert not [name for name in mosi_words.mosi_words_files.AUDIO if "/text/" in name]


def test_the_real_files(shared_data, tmp_path, preset, capsys):
    if not (shared_data / "mosi" / "standard" / "CMU_MOSI_Opinion_Labels.csd").is_file():
        pytest.skip(f"no CMU-MOSI segments below {shared_data}")
    splits = {
        split: load("mosi_words", split, data_dir=shared_data, encoder=preset, layers=1)
        for split in ("train", "validation", "test")
    }
    assert [b.num_samples for b in splits.values()] == [1284, 229, 686]
    report = " ".join(capsys.readouterr().err.split())
    assert "the times of words stood 1 place off" in report
    for (split, batches), part in zip(splits.items(), ("train", "valid", "test"), strict=True):
        with h5py.File(shared_data / "mosi" / "standard" / f"y_{part}.h5") as file:
            wanted = np.sort(file["data"][:].ravel())
        np.testing.assert_allclose(np.sort(batches.labels.ravel()), wanted, atol=1e-5)
        # Every utterance has a sound.
        assert batches.gather(range(batches.num_samples))[0]["audio"].any(axis=(1, 2)).all(), split
    silent = load("mosi_words", data_dir=shared_data, encoder=preset, layers=1, absent=["audio"])
    train = splits["train"]
    assert silent.num_samples == 1282
    empty = [i for i, x in enumerate(train.gather(range(1284))[0]["text"]) if not x.any()]
    assert [train.ids[i] for i in empty] == ["2WGyTLYerpo[43]", "VCslbP0mgZI[0]"]
    assert set(train.ids) - set(silent.ids) == {train.ids[i] for i in empty}
