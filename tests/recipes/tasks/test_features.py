"""Models of clips take recordings: what their entries say of it, and that they are scaled once."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import kerasfuse.text
from kerasfuse import models, recipes, recordings, zoo
from kerasfuse.cli import app
from kerasfuse.recipes.tasks import starting
from kerasfuse.recipes.tasks.starting import starting_entry

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
RATE = 16000
PROSODY = {"extractor": "prosody", "version": "1"}
FAST = {"epochs": 1, "batch_size": 16, "dim": 4, "hidden_units": []}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


@pytest.fixture
def clips(tmp_path):
    """Twenty-four tones of a second, high and low, in a table."""
    (tmp_path / "clips").mkdir()
    t = np.arange(RATE) / RATE
    lines = ["path,label"]
    for i in range(24):
        x = 0.01 * (1 + i) * np.sin(2 * np.pi * (150 + 10 * i) * t)
        soundfile.write(tmp_path / f"clips/{i:02d}.wav", x, RATE)
        lines.append(f"{i:02d}.wav,{'high' if i >= 12 else 'low'}")
    (tmp_path / "clips/clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "clips/clips.csv"


@pytest.fixture
def run(clips, tmp_path):
    recordings.extract([clips], tmp_path / "features", sound="prosody")
    return recipes.train(
        "LFLSTM",
        tmp_path / "run",
        seeds=[1],
        verbose=0,
        data=tmp_path / "features",
        overrides=FAST,
        report=lambda line: None,
    )


def test_a_run_on_extracted_clips_takes_recordings(run, clips, tmp_path):
    entry = zoo.entry(run.folder)
    assert entry.features == {"audio": PROSODY}
    assert entry.scaling == {"features": True, "labels": False}
    clip = clips.parent / "20.wav"
    found = recordings.predict(run.folder, clip)
    model = zoo.load(run.folder)
    assert isinstance(model, models.Scaled)
    # What the extractor gives, and one scaling: that of the model, measured on the clips.
    (one,) = found.utterances
    x = recordings.prosody(recordings.Sound(clip, one.start, one.end)).values[None]
    scaling = model.get_layer("audio_feature_scaling")
    assert np.abs(x).max() > 30 and np.abs(np.asarray(scaling(x))).max() < 30
    by_hand = model.inner.predict({"audio": np.asarray(scaling(x))}, verbose=0)
    np.testing.assert_allclose(one.outputs, by_hand[0], rtol=1e-3, atol=1e-4)
    # The recording is cut where the tone ends, which is close to the whole clip.
    table = recipes.predict_table(run.folder, tmp_path / "features")
    of_clip = {row[0]: row for row in table.rows}["20"]
    np.testing.assert_allclose(of_clip[2:4], one.outputs, atol=0.05)


def test_the_command_names_the_classes_of_a_run(run, clips):
    clip = clips.parent / "03.wav"
    result = CliRunner().invoke(app, ["predict", str(run.folder), str(clip)])
    assert result.exit_code == 0, result.output
    header, row = result.stdout.splitlines()
    assert header.startswith("utterance,start,end,class,score_high,score_low,probability_high")
    assert row.split(",")[3] in ("high", "low")
    result = CliRunner().invoke(app, ["predict", str(run.folder), str(clip), "--transcript", "a"])
    assert result.exit_code == 2 and "a model that takes none" in " ".join(result.stderr.split())


def test_clips_as_a_data_set_say_what_is_made_of_them(clips):
    entry = starting_entry("LFLSTM", "recordings", clips, {"sound": "prosody"}).entry
    assert entry.features == {"audio": PROSODY}
    entry = starting_entry("LFLSTM", "recordings", clips).entry
    assert entry.features == {"audio": {"extractor": "log_mel", "version": "1"}}


def test_words_name_their_encoder_and_what_others_measured_is_absent(clips, tmp_path, monkeypatch):
    class Encoder:
        sha256, width = "a" * 64, 1

        def __init__(self, preset, layers):
            pass

        def words(self, rows):
            return [np.ones((len(row), 1), "float32") for row in rows]

    monkeypatch.setattr(kerasfuse.text, "TextEncoder", Encoder)
    np.save(tmp_path / "clips/pulse.npy", np.ones((3, 1)))
    for i in range(24):
        clips.with_name(f"{i:02d}.srt").write_text("1\n00:00:00,000 --> 00:00:00,900\nso nice\n")
    out = tmp_path / "out"
    recordings.extract([clips], out, sound="none")
    lines = (out / "samples.csv").read_text().splitlines()
    pulse = tmp_path / "clips/pulse.npy"
    lines = [f"{line},{'pulse' if i == 0 else pulse}" for i, line in enumerate(lines)]
    (out / "more.csv").write_text("\n".join(lines) + "\n")
    entry = starting_entry("LFLSTM", out / "more.csv").entry
    assert entry.features == {
        "text": {
            **{"extractor": "word_vectors", "version": "1", "encoder": "all-MiniLM-L6-v2"},
            **{"sha256": "a" * 64, "layers": 4},
        },
        "timing": {"extractor": "word_timing", "version": "1"},
        "absent": ["pulse"],
    }


@pytest.mark.parametrize(
    "facts",
    ["nothing", "[]", '{"streams": 1}', '{"streams": {"audio": {"extractor": "mfcc"}}}'],
)
def test_facts_of_others_are_none(run, tmp_path, facts):
    (tmp_path / "features/facts.json").write_text(facts)
    assert starting_entry("LFLSTM", tmp_path / "features").entry.features == {}


def test_another_version_of_an_extractor_is_said_and_judges_no_recording(run, tmp_path):
    path = tmp_path / "features/facts.json"
    facts = json.loads(path.read_text())
    facts["streams"]["audio"]["version"] = "0"
    path.write_text(json.dumps(facts))
    entry = starting_entry("LFLSTM", tmp_path / "features").entry
    assert entry.features["audio"]["version"] == "0"
    with pytest.raises(ValueError, match="Received: version='0'"):
        entry.recording_features.check_versions()


def test_speech_of_actors_is_scaled_in_the_model(tmp_path):
    rng = np.random.default_rng(0)
    for actor in range(1, 25):
        for emotion in range(1, 9):
            sound = tmp_path / f"data/03-01-{emotion:02d}-01-01-01-{actor:02d}.flac"
            sound.parent.mkdir(exist_ok=True)
            soundfile.write(sound, rng.normal(size=3200) / 10, RATE)
    entry = starting_entry("LFLSTM", "ravdess_speech", tmp_path / "data").entry
    assert entry.features == {
        "audio": {"extractor": "log_mel", "version": "1"},
        "absent": ["vision"],
    }
    assert entry.scaling["features"] and entry.data_args == {"standardize": False}
    scaled = {"standardize": True, "sound": "prosody"}
    entry = starting_entry("LFLSTM", "ravdess_speech", tmp_path / "data", scaled).entry
    assert entry.features == {}


def test_an_entry_keeps_its_features_on_its_own_data_alone():
    entry = zoo.entry("lf_lstm_mosi_words")
    kept = dataclasses.replace(entry, data_args={})
    assert starting._features_of_start(entry.name, kept) == entry.features
    other = dataclasses.replace(entry, data_args={**entry.data_args, "context": 2})
    assert starting._features_of_start(entry.name, other) == {}
    assert starting._features_of_start("LFLSTM", kept) == {}
