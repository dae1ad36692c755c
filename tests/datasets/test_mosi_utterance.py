"""CMU-MOSI by utterance: on files made here in the same format, and on the real ones if present."""

import csv
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kerasfuse.datasets import load
from kerasfuse.datasets.conversion import builder, conversion

WIDTHS = {"text": 100, "audio": 73, "vision": 100}
NUM_TRAIN, NUM_TEST = 13, 3  # videos


def write(path, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)


@pytest.fixture(scope="module")
def utterances():
    return made_up()


def made_up():
    """Return video, index, number, words, value and features of utterances."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(1, NUM_TRAIN + NUM_TEST + 1):
        for index in range(1, 4 + number % 9 + 1):
            value = round(float(generator.uniform(-3, 3)), 1)
            features = {n: generator.normal(number, 2, w).round(4) for n, w in WIDTHS.items()}
            features["vision"][7] = 3.0 if number <= NUM_TRAIN - 10 else 4.0  # in train constant
            row = {"video": f"v_{(number * 7) % 17:02d}", "index": index, "number": number}
            words = f"SENTENCE {number} {index}"
            rows.append(row | {"words": words, "value": value, "features": features})
    found = {(row["number"], row["index"]): row for row in rows}
    for place, value in (((2, 2), -1.0), ((2, 3), -2.0), ((8, 2), 1.0), ((8, 11), 2.0)):
        found[place] |= {"words": f"SAY IT {place[0]}", "value": value}
    found[3, 2]["features"]["audio"][:] = 0  # missing
    return rows


@pytest.fixture(scope="module")
def folder(utterances, tmp_path_factory):
    """Write the utterances the way bc-LSTM and Cross-Modal-BERT do."""
    return write_folder(utterances, tmp_path_factory.mktemp("data"))


def write_folder(utterances, folder):
    # Both list the utterances of a video by name: 1, 10, 11, 2, ...
    rows = sorted(utterances, key=lambda row: (row["video"], str(row["index"])))
    write(
        folder / "mosi/bclstm/transcripts.csv",
        [
            (f"{r['video']}_{r['index']}", r["words"], r["number"], int(r["value"] >= 0))
            for r in rows
        ],
    )
    for part in ("train", "test"):
        kept = [
            (i, r) for i, r in enumerate(rows) if (r["number"] <= NUM_TRAIN) == (part == "train")
        ]
        write(
            folder / f"mosi/bclstm/text_{part}.csv",
            [(i, *r["features"]["text"]) for i, r in kept],
        )
        for name, their in {"text": "text", "audio": "audio", "vision": "video"}.items():
            write(
                folder / f"mosi/bclstm/{their}/{their}_{part}0.csv",
                [(*r["features"][name], float(r["value"] >= 0)) for _, r in kept],
            )
    # In the order of time, so that neighbours tell apart sentences that are alike.
    rows = sorted(utterances, key=lambda row: (row["number"], row["index"]))
    for part, at in {"train": 0, "dev": 1, "test": 2}.items():
        lines = [f"{r['words']} \t{r['value']}" for r in rows if r["number"] % 3 == at]
        path = folder / f"mosi/standard/{part}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\r\n".join(["text\tlabel", *lines]) + "\r\n", encoding="utf-8")
    return folder


def samples(batches):
    """Return each sample without padding, as a dict, in stored order."""
    found = []
    for x, _ in batches:
        lengths = np.max([a.any(axis=2).sum(axis=1) for a in x.values()], axis=0)
        found += [{n: a[i, :k] for n, a in x.items()} for i, k in enumerate(lengths)]
    return found


def raw(folder, split, **options):
    return load(
        "mosi_utterance", split, data_dir=folder, shuffle=False, standardize=False, **options
    )


def time_of(name):
    video, _, index = name.rpartition("_")
    return video, int(index)


def test_splits_and_values(folder, utterances):
    wanted = {
        "train": [r for r in utterances if r["number"] <= NUM_TRAIN - 10],
        "validation": [r for r in utterances if NUM_TRAIN - 10 < r["number"] <= NUM_TRAIN],
        "test": [r for r in utterances if r["number"] > NUM_TRAIN],
    }
    for split, rows in wanted.items():
        batches = raw(folder, split)
        values = {f"{r['video']}_{r['index']}": r["value"] for r in rows}
        assert batches.modalities == WIDTHS
        assert sorted(batches.ids) == sorted(values)
        assert batches.ids == sorted(batches.ids, key=time_of)
        np.testing.assert_allclose(batches.labels[:, 0], [values[i] for i in batches.ids])
        classes = raw(folder, split, label="class")
        assert classes.ids == batches.ids
        np.testing.assert_array_equal(classes.labels, batches.labels >= 0)


@pytest.mark.parametrize("context_length", [None, 0, 2, 100])
@pytest.mark.parametrize("context", ["preceding", "video"])
def test_sequences(folder, utterances, context, context_length):
    features = {f"{r['video']}_{r['index']}": r["features"] for r in utterances}
    batches = raw(folder, "test", context=context, context_length=context_length)
    for name, sample in zip(batches.ids, samples(batches), strict=True):
        video, now = time_of(name)
        last = max(index for v, index in map(time_of, features) if v == video)
        before, after = list(range(1, now)), list(range(now + 1, last + 1))
        if context == "preceding":
            kept = 20 if context_length is None else context_length
            wanted = before[max(0, len(before) - kept) :]
        elif context_length == 0:
            wanted = []
        elif context_length == 2 and before and after:
            wanted = [now + 1, now - 1]
        elif context_length == 2:
            wanted = after[:2] or before[-2:]
        else:
            wanted = after + before
        for modality, steps in sample.items():
            rows = [features[f"{video}_{i}"][modality] for i in [*wanted, now]]
            np.testing.assert_allclose(steps, rows, rtol=1e-6)


def test_the_target_may_come_first(folder, utterances):
    last, first = (samples(raw(folder, "test", target=target)) for target in ("last", "first"))
    assert max(len(x["text"]) for x in last) > 2
    for one, other in zip(last, first, strict=True):
        for name, x in one.items():
            np.testing.assert_array_equal(other[name], x[::-1])


def test_standardized_by_the_training_videos_alone(folder, utterances):
    train = [r for r in utterances if r["number"] <= NUM_TRAIN - 10]
    for split in ("train", "validation", "test"):
        plain = raw(folder, split, context_length=0)
        scaled = load("mosi_utterance", split, data_dir=folder, shuffle=False, context_length=0)
        for name in WIDTHS:
            table = np.array([r["features"][name] for r in train])
            table = table[table.any(axis=1)]
            mean, deviation = table.mean(axis=0), table.std(axis=0)
            deviation[deviation == 0] = np.inf
            for a, b in zip(samples(plain), samples(scaled), strict=True):
                wanted = (a[name] - mean) / deviation if a[name].any() else a[name]
                np.testing.assert_allclose(b[name], wanted, atol=1e-4)
                if name == "vision":
                    assert (b[name][:, 7] == 0).all()


def test_a_missing_utterance_stays_zero_and_in_its_place(folder, utterances):
    batches = load("mosi_utterance", "train", data_dir=folder, shuffle=False)
    at = [
        i
        for i, r in enumerate(
            sorted(
                (r for r in utterances if r["number"] <= NUM_TRAIN - 10),
                key=lambda r: (r["video"], r["index"]),
            )
        )
        if r["number"] == 3
    ]
    # The second of the video: alone at the end of its own sequence, inside those of later ones.
    x, _ = load("mosi_utterance", "train", data_dir=folder, shuffle=False, batch_size=99)[0]
    assert batches.ids[at[1]].endswith("_2")
    for i in at[2:]:
        np.testing.assert_array_equal(x["audio"][i, 1], 0)
        assert x["audio"][i, 0].any() and x["audio"][i, 2].any() and x["text"][i, 1].any()


def test_prepared_once_and_again_when_the_files_change(folder, utterances, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    calls = []
    convert = conversion._convert
    monkeypatch.setattr(conversion, "_convert", lambda *a: calls.append(a) or convert(*a))
    before = raw(folder, "train").labels
    raw(folder, "test", context="video")
    assert len(calls) == 1
    other = [r | {"value": -r["value"]} for r in utterances]
    other = write_folder(other, tmp_path / "other")
    np.testing.assert_array_equal(raw(other, "train").labels, -before)
    assert len(calls) == 2
    # Prepared records do without the source files, unless the user names a folder.
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)
    np.testing.assert_array_equal(raw(None, "train").labels, -before)
    monkeypatch.setenv("KERASFUSE_DATA", str(folder))
    np.testing.assert_array_equal(raw(None, "train").labels, before)
    assert len(calls) == 3
    left = [
        path
        for path in (tmp_path / "tfds").rglob("*")
        if "incomplete" in path.name or "converting" in path.name
    ]
    assert not left


def test_parquet_stands_in_where_there_is_no_array_record(folder, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    wanted = raw(folder, "validation").checksum()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    find = builder.util.find_spec
    monkeypatch.setattr(
        builder.util,
        "find_spec",
        lambda name: None if name == "array_record" else find(name),
    )
    assert raw(folder, "validation").checksum() == wanted
    assert list(tmp_path.rglob("*.parquet*"))


def test_preparing_is_quiet_on_standard_output(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    raw(folder, "train")
    assert capsys.readouterr().out == ""


def test_the_records_are_those_of_tfds(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    batches = raw(folder, "test")
    source = tfds.data_source("mosi_utterance/bclstm", split="test", data_dir=tmp_path)
    assert source[0]["features"]["text"].shape == (100,)
    assert [record["id"].decode() for record in source] == batches.ids
    np.testing.assert_array_equal([record["label"][0] for record in source], batches.labels[:, 0])


def test_missing_files_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)
    for data_dir in (None, tmp_path, str(tmp_path / "nowhere")):
        with pytest.raises(FileNotFoundError) as caught:
            raw(data_dir, "train")
        message = str(caught.value)
        assert "\n" not in message and "mosi/bclstm/transcripts.csv" in message
        assert "data_dir=" in message and "KERASFUSE_DATA" in message
        assert str(data_dir or "manual") in message


def damage(folder, file, change):
    path = pathlib.Path(folder) / "mosi" / file
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change(lines)))


def flip_last(lines):
    return [lines[0].replace('"1.0"', '"x"').replace('"0.0"', '"1.0"').replace('"x"', '"0.0"')]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("bclstm/audio/audio_test0.csv", lambda x: x[1:], r"rows of 73 features .*audio_test0"),
        ("bclstm/text/text_train0.csv", lambda x: flip_last(x) + x[1:], "1 others"),
        (
            "bclstm/video/video_test0.csv",
            lambda x: ['"nan"' + x[0][x[0].index(",") :], *x[1:]],
            "finite numbers in .*1 that are not, the first in line 1, column 1",
        ),
        ("bclstm/video/video_test0.csv", lambda x: ["no\n", *x], "table of numbers in"),
        ("bclstm/video/video_test0.csv", lambda x: ["<html>\n", *x], "a web page .HTML."),
        (
            "bclstm/text_test.csv",
            lambda x: ['"9999"' + x[0][x[0].index(",") :], *x[1:]],
            "rows of transcripts.csv",
        ),
        ("bclstm/transcripts.csv", lambda x: ['"one"\n', *x[1:]], "line 1 of"),
        ("standard/dev.tsv", lambda x: x[:-1], "1 times"),
        ("standard/dev.tsv", lambda x: [x[0], "NO NUMBER\tx\n", *x[2:]], "number in line 2 of"),
    ],
)
def test_damaged_files_are_named(utterances, tmp_path, monkeypatch, file, change, message):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder = write_folder(utterances, tmp_path / "data")
    damage(folder, file, change)
    with pytest.raises(ValueError, match=message):
        raw(folder, "train")
    assert not list((tmp_path / "tfds").rglob("*.json"))
    assert not list((tmp_path / "tfds").rglob("*incomplete*"))


def test_too_few_videos_are_refused(utterances, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    few = [r for r in utterances if r["number"] > 3]
    with pytest.raises(ValueError, match="more than 10 training videos.* Received: 10"):
        raw(write_folder(few, tmp_path / "data"), "train")


def test_a_place_that_cannot_be_written_to_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "file" / "tfds"))
    with pytest.raises(OSError, match="TFDS_DATA_DIR"):
        raw(folder, "train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "middle"}, "Received: target='middle'"),
        ({"context": "both"}, "Received: context='both'"),
        ({"label": "real"}, "Received: label='real'"),
        ({"context_length": -1}, "Received: context_length=-1"),
        ({"context_length": 2.5}, "Received: context_length=2.5"),
    ],
)
def test_options_outside_their_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        load("mosi_utterance", **options)


# The real files.


@pytest.fixture(scope="module")
def real(shared_data):
    if not (shared_data / "mosi/bclstm").is_dir():
        pytest.skip(f"no CMU-MOSI at {shared_data}/mosi")
    return shared_data


def test_real_counts(real):
    videos, counts = {}, {}
    for split in ("train", "validation", "test"):
        batches = raw(real, split)
        videos[split] = {time_of(i)[0] for i in batches.ids}
        counts[split] = batches.num_samples
    assert counts == {"train": 1229, "validation": 218, "test": 752}
    assert {split: len(v) for split, v in videos.items()} == {
        "train": 52,
        "validation": 10,
        "test": 31,
    }
    assert len(set.union(*videos.values())) == 93
    with open(real / "mosi/bclstm/transcripts.csv", encoding="utf-8", newline="") as file:
        number = {time_of(row[0])[0]: int(row[2]) for row in csv.reader(file)}
    assert sorted(number[v] for v in videos["validation"]) == list(range(53, 63))
    assert max(number[v] for v in videos["train"]) == 52


def test_real_labels(real):
    values = {}
    for split, balance in {"train": 0.474, "validation": 0.578, "test": 0.621}.items():
        batches, classes = raw(real, split), raw(real, split, label="class")
        # The 0/1 of the files is the sign of the joined value, for every utterance.
        np.testing.assert_array_equal(classes.labels, batches.labels >= 0)
        assert abs(classes.labels.mean() - balance) < 1e-3
        values |= dict(zip(batches.ids, batches.labels[:, 0].tolist(), strict=True))
    assert len(values) == 2199 and min(values.values()) == -3 and max(values.values()) == 3
    # The four whose sentences are not unique, and some that are.
    wanted = {
        "bOL9jKpeJRs_24": -1.0,
        "bOL9jKpeJRs_25": -0.6,
        "d6hH302o4v8_27": -2.6,
        "d6hH302o4v8_34": -3.0,
        "03bSnISJMiM_11": -0.5,
        "0h-zjBukYpk_10": -0.6,
    }
    for name, value in wanted.items():
        assert values[name] == pytest.approx(value)


def test_real_sequences(real):
    alone = raw(real, "test", context_length=0)
    target = dict(zip(alone.ids, samples(alone), strict=True))
    for context in ("preceding", "video"):
        batches = raw(real, "test", context=context)
        videos = [time_of(i)[0] for i in batches.ids]
        for name, sample in zip(batches.ids, samples(batches), strict=True):
            video, now = time_of(name)
            length = min(now, 21) if context == "preceding" else videos.count(video)
            for modality, steps in sample.items():
                assert len(steps) == length
                np.testing.assert_array_equal(steps[-1:], target[name][modality])
                if now > 1:
                    before = target[f"{video}_{now - 1}"][modality]
                    np.testing.assert_array_equal(steps[-2:-1], before)
    preceding = dict(zip(batches.ids, samples(raw(real, "test")), strict=True))
    later = {
        i: target[f"{time_of(i)[0]}_{time_of(i)[1] + 1}"]
        for i in batches.ids
        if f"{time_of(i)[0]}_{time_of(i)[1] + 1}" in target
    }
    for name, following in later.items():
        assert not (preceding[name]["text"] == following["text"]).all(axis=1).any()


def test_real_features_are_centred(real):
    batches = load("mosi_utterance", "train", data_dir=real, shuffle=False, context_length=0)
    for name in WIDTHS:
        table = np.concatenate([sample[name] for sample in samples(batches)]).astype("float64")
        constant = ~table.any(axis=0)
        assert constant.sum() == (32 if name == "vision" else 0)
        np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(table.std(axis=0), np.where(constant, 0, 1), atol=1e-5)
