"""Pickles of MulT and MMSA, made here: what they hold comes out, and what is wrong is told."""

import json
import pickle
import re

import numpy as np
import pytest
import tiny_data

from kerasfuse.datasets import load

THEIRS = {"train": "train", "validation": "valid", "test": "test"}
FILES = {
    ("mosi", False): "mosi_data_noalign.pkl",
    ("mosi", True): "mosi_data.pkl",
    ("mosei", False): "mosei_senti_data_noalign.pkl",
    ("mosei", True): "mosei_senti_data.pkl",
    ("iemocap", False): "iemocap_data_noalign.pkl",
    ("iemocap", True): "iemocap_data.pkl",
}


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def stored(name, split, data_dir, **options):
    return load(name, split, data_dir=data_dir, shuffle=False, batch_size=99, **options)


MODALITIES = ("text", "audio", "vision")


def assert_holds(batches, part, names=MODALITIES):
    """Check that what is in a file is in the batches, without the padding that is cut."""
    (inputs, _) = batches[0]
    real = {name: part[name].any(axis=2) for name in MODALITIES}
    if batches.aligned:
        real = dict.fromkeys(MODALITIES, np.any([real[name] for name in MODALITIES], axis=0))
    for name in names:
        for got, x, steps in zip(inputs[name], part[name], real[name], strict=True):
            valid = x[steps.argmax() : len(x) - steps[::-1].argmax()]
            np.testing.assert_array_equal(got[: len(valid)], valid.astype("float32"))
            assert not got[len(valid) :].any()


@pytest.mark.parametrize(("name", "aligned"), FILES)
def test_mult(tmp_path, name, aligned):
    tree = tiny_data.mult(name, aligned)
    tiny_data.dump(tree, tmp_path / FILES[name, aligned])
    for split, theirs in THEIRS.items():
        batches = stored(name, split, tmp_path, aligned=aligned)
        part = tree[theirs]
        assert batches.modalities == tiny_data.WIDTHS[name]
        assert batches.aligned == (MODALITIES if aligned else ())
        assert_holds(batches, part)
        wanted = part["labels"] if name == "iemocap" else part["labels"].reshape(-1, 1)
        np.testing.assert_array_equal(batches.labels, wanted.astype("float32"))
        assert batches.ids[1] == f"{theirs}1[0.5,2.25]"


@pytest.mark.parametrize("name", ["mosi", "mosei", "sims"])
def test_mmsa(tmp_path, name):
    tree = tiny_data.mmsa(name, unimodal=name == "sims")
    # BERT's outputs at padded steps are no features.
    tree["train"]["text"][tree["train"]["text_bert"][:, 1] == 0] = 7
    file = tiny_data.dump(tree, tmp_path / name.upper() / "Processed" / "unaligned_50.pkl", 4)
    data_dir = file if name == "sims" else tmp_path
    batches = stored(name, "train", data_dir)
    part = tree["train"] | {
        "text": np.where(tree["train"]["text_bert"][:, 1, :, None] == 0, 0, tree["train"]["text"])
    }
    assert_holds(batches, part)
    np.testing.assert_array_equal(batches.labels[:, 0], part["regression_labels"])
    assert batches.ids[2] == "train$_$2"

    (inputs, _) = stored(name, "train", data_dir, text="ids")[0]
    ids = part["text_bert"][:, 0]
    assert inputs["text"].dtype == "int32"
    np.testing.assert_array_equal(inputs["text"], ids[:, : inputs["text"].shape[1]])
    assert not ids[:, inputs["text"].shape[1] :].any()
    if name == "sims":
        for label, letter in {"text": "T", "audio": "A", "vision": "V"}.items():
            got = stored(name, "train", data_dir, label=label).labels[:, 0]
            wanted = part[f"regression_labels_{letter}"].astype("float32")
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("aligned", [False, True])
def test_mmsa_with_token_ids_only(tmp_path, aligned):
    tree = tiny_data.mmsa("mosi", unimodal=False, aligned=aligned)
    for part in tree.values():
        del part["text"]
    file = tiny_data.dump(tree, tmp_path / "a.pkl")
    for split, theirs in THEIRS.items():
        batches = stored("mosi", split, file, text="ids", aligned=aligned)
        assert batches.aligned == (MODALITIES if aligned else ())
        ids = tree[theirs]["text_bert"][:, 0]
        assert_holds(batches, tree[theirs] | {"text": ids[:, :, None]}, ("audio", "vision"))
        np.testing.assert_array_equal(batches.labels[:, 0], tree[theirs]["regression_labels"])
        text = batches[0][0]["text"]
        assert text.dtype == "int32"
        np.testing.assert_array_equal(text, ids[:, : text.shape[1]])
        assert not ids[:, text.shape[1] :].any()
    with pytest.raises(ValueError, match='a.pkl\', which has only token ids. Pass text="ids"'):
        stored("mosi", "train", file, aligned=aligned)


def test_the_odd_mmsa_file(shared_data):
    file = shared_data.parent / "odd_inputs" / "mmsa_text_bert_only_unaligned_50.pkl"
    if not file.is_file():
        pytest.skip(f"no odd file at {file}")
    assert stored("mosi", "train", file, text="ids").num_samples == 6
    with pytest.raises(ValueError, match='Pass text="ids"'):
        stored("mosi", "train", file)


@pytest.mark.parametrize("field", ["text", "regression_labels_T", "raw_text"])
def test_splits_with_different_fields_are_told(tmp_path, field):
    tree = tiny_data.mmsa("sims")
    del tree["valid"][field]
    file = tiny_data.dump(tree, tmp_path / "a.pkl")
    with pytest.raises(ValueError, match="a.pkl', in which train and validation differ in"):
        stored("sims", "train", file)


@pytest.mark.parametrize("value", [np.nan, -1, 2.0**31, np.inf])
def test_token_ids_are_numbers_that_they_can_be(tmp_path, value):
    tree = tiny_data.mmsa("sims")
    tree["valid"]["text_bert"][1, 0, 2] = value
    with pytest.raises(ValueError, match="row of text_bert to be token ids.*, in '.*a.pkl'"):
        stored("sims", "train", tiny_data.dump(tree, tmp_path / "a.pkl"))


def test_each_label_is_one_number(tmp_path):
    tree = tiny_data.mmsa("sims")
    tree["train"]["regression_labels_T"] = [[1.0, 2.0]] * tiny_data.SIZES["train"]
    with pytest.raises(ValueError, match="'label_text' to hold one number a sample.*a.pkl, train"):
        stored("sims", "train", tiny_data.dump(tree, tmp_path / "a.pkl"))


@pytest.mark.parametrize("name", ["mosi", "mosei"])
def test_mmsa_aligned(tmp_path, name):
    tree = tiny_data.mmsa(name, unimodal=False, aligned=True)
    tiny_data.dump(tree, tmp_path / "aligned_50.pkl")
    for split, theirs in THEIRS.items():
        batches = stored(name, split, tmp_path, aligned=True)
        mask = tree[theirs]["text_bert"][:, 1, :, None]
        text = np.where(mask == 0, 0, tree[theirs]["text"])
        assert batches.aligned == MODALITIES
        assert_holds(batches, tree[theirs] | {"text": text})
        np.testing.assert_array_equal(batches.labels[:, 0], tree[theirs]["regression_labels"])
    # Told apart from an unaligned file by what it holds, whatever its name.
    file = (tmp_path / "aligned_50.pkl").rename(tmp_path / "unaligned_50.pkl")
    with pytest.raises(ValueError, match="expected unaligned sequences.*say aligned=True"):
        stored(name, "train", file)


def test_what_was_found_is_told_once(tmp_path, capsys):
    tree = tiny_data.mult("mosei")
    train, test = tree["train"], tree["test"]
    train["audio"][1, -1, :4] = -np.inf
    train["vision"][2, -1, 0] = np.nan
    train["labels"][0], test["labels"][1] = 4.5, -3.25
    for name in ("text", "audio", "vision", "labels"):
        test[name][3] = train[name][5]
    for name in ("text", "audio", "vision"):
        train[name][6] = 0
    train["labels"][4] = np.nan
    tree["valid"]["vision"][1] = 0
    tiny_data.dump(tree, tmp_path / FILES["mosei", False])
    batches = stored("mosei", "train", tmp_path)
    captured = capsys.readouterr()
    assert captured.out == ""
    for part in (
        "5 train, 3 validation, 4 test",
        " steps, median ",
        "padded in front; 4 values that were not finite",
        "1 values that were not finite are now 0; absent in 1 samples.",
        "2 labels were clipped to [-3, 3]",
        "left out of train, 2 samples: train4[0.5,2.25] (no label), train6[0.5,2.25] (no features)",
        "in train and test at the same time, 1 samples: test3[0.5,2.25]",
        "known split sizes are 16326/1871/4659; these files have 7/3/4",
    ):
        assert part in captured.err
    assert batches.labels[0] == 3 and batches.num_samples == 5
    assert np.isfinite(batches[0][0]["audio"]).all()
    assert stored("mosei", "test", tmp_path).labels[1] == -3
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ValueError, match="strict=True.*16326/1871/4659; these files have 7/3/4"):
        stored("mosei", "test", tmp_path, strict=True)


def test_known_sizes_pass_the_strict_check(tmp_path, monkeypatch):
    from kerasfuse.datasets.mosi import Mosi

    monkeypatch.setitem(Mosi.SIZES, False, {"train": 7, "validation": 3, "test": 4})
    file = tiny_data.dump(tiny_data.mult("mosi"), tmp_path / "a.pkl")
    assert stored("mosi", "train", file, strict=True).num_samples == 7


def without(part, name):
    return {key: value for key, value in part.items() if key != name}


def swap(part):
    return part | {"audio": part["vision"], "vision": part["audio"]}


def ragged(part):
    samples = np.empty(len(part["audio"]), dtype=object)
    samples[:] = list(part["audio"])
    samples[2] = [row[: 43 if i == 4 else None] for i, row in enumerate(part["audio"][2])]
    return part | {"audio": samples}


def narrow(part):
    samples = np.empty(len(part["audio"]), dtype=object)
    samples[:] = [x[:, : 43 if i == 1 else None] for i, x in enumerate(part["audio"])]
    return part | {"audio": samples}


def same_id(part):
    part["id"][2] = part["id"][0]
    return part


DAMAGES = {
    "labels": (
        lambda p: without(p, "labels"),
        r"\.pkl' with train, valid, test, train with",
    ),
    "swapped": (swap, "audio 35, vision 74; 'audio' has the width of 'vision'.*swapped"),
    "ragged": (ragged, r"'audio' of sample 'train2\[0.5,2.25\]' in .*train\[2\].*rows of 2 shapes"),
    "narrow": (narrow, r"'audio' of sample 'train1.*shape \(steps, 74\).*shape \(11, 43\)"),
    "words": (
        lambda p: p | {"labels": np.array(["joy"] * len(p["text"]))},
        r"label of sample 'train0.*train\[0\].*number.*joy",
    ),
    "empty": (lambda p: {k: v[:0] for k, v in p.items()}, "none in train"),
    "counts": (lambda p: p | {"text": p["text"][:-1]}, "'text': 6, 'audio': 7"),
    "a number": (lambda p: p | {"audio": 3}, "'audio' to hold one value a sample.*Received: 3, in"),
    "a table of names": (lambda p: p | {"labels": {"a": 1}}, "'labels' to hold one value a sample"),
    "ragged labels": (
        lambda p: p | {"labels": [[[1.0], [1.0, 2.0]]] * len(p["text"])},
        "label of sample 'train0.*to be a number",
    ),
    "no width": (
        lambda p: p | {"text": p["text"][:, :, :0]},
        r"'text' to be of shape \(samples, s",
    ),
    "nested names": (lambda p: p | {"id": [[["a"]]] * len(p["text"])}, "'id' to hold names"),
    "a long name": (
        lambda p: p | {"id": [*p["id"][:-1].tolist(), "a" * 10_000_000]},
        "ids of at most 1,000 bytes of UTF-8, none of them 0. Received: 'aaa.*aaa",
    ),
    "same id": (same_id, r"'id' 'train0\[0.5,2.25\]' twice in train of .*at samples 0 and 2"),
    "flat": (lambda p: p | {"text": p["text"][:, 0]}, r"'text' to be of shape \(samples, steps"),
    "pairs": (
        lambda p: p | {"labels": np.zeros((len(p["text"]), 4, 2))},
        r"to be of shape \(\)\. Received: shape \(4, 2\).*another data set",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_told(tmp_path, damage):
    change, message = DAMAGES[damage]
    tree = tiny_data.mult("mosei")
    tree["train"] = change(tree["train"])
    tiny_data.dump(tree, tmp_path / FILES["mosei", False])
    with pytest.raises(ValueError, match=message) as caught:
        stored("mosei", "train", tmp_path)
    assert FILES["mosei", False] in str(caught.value)
    left = [path.name for path in (tmp_path / "tfds").rglob("*") if path.is_file()]
    assert left in ([], [".lock"])


@pytest.mark.parametrize("data", [b"", b"\x80\x04\x95", pickle.dumps([1, 2])])
def test_files_without_the_data_are_told(tmp_path, data):
    (tmp_path / "mine.pkl").write_bytes(data)
    with pytest.raises(ValueError, match="mine.pkl"):
        stored("mosi", "train", tmp_path)


def test_files_that_are_not_there_are_named(tmp_path):
    for data_dir in (None, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="mosei_senti_data_noalign.pkl and") as caught:
            stored("mosei", "train", data_dir)
        assert "KERASFUSE_DATA" in str(caught.value) and "github.com" in str(caught.value)
    tiny_data.dump(tiny_data.mult("mosei"), tmp_path / "mosei_senti_data.pkl")
    with pytest.raises(FileNotFoundError, match="is it .*mosei_senti_data.pkl"):
        stored("mosei", "train", tmp_path)


def test_two_files_that_fit_are_told_apart_by_the_user(tmp_path):
    for name in ("mosi_data_noalign.pkl", "unaligned_50.pkl"):
        tree = tiny_data.mult("mosi") if "noalign" in name else tiny_data.mmsa("mosi")
        tiny_data.dump(tree, tmp_path / name)
    with pytest.raises(ValueError, match="one file of mosi.*mosi_data_noalign.pkl.*unaligned_50"):
        stored("mosi", "train", tmp_path)
    mult = stored("mosi", "train", tmp_path / "mosi_data_noalign.pkl")
    mmsa = stored("mosi", "train", tmp_path / "unaligned_50.pkl")
    assert (mult.modalities["text"], mmsa.modalities["text"]) == (300, 768)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aligned": True}, "expected aligned.*Received.*unaligned ones.*say aligned=False"),
        ({"text": "ids"}, "token ids.*text_bert"),
        ({"text": "words"}, "Received: text='words'"),
    ],
)
def test_options_that_the_file_does_not_have(tmp_path, options, message):
    file = tiny_data.dump(tiny_data.mult("mosi"), tmp_path / "a.pkl")
    with pytest.raises(ValueError, match=message):
        stored("mosi", "train", file, **options)


def test_labels_of_one_modality_are_those_of_the_file(tmp_path):
    file = tiny_data.dump(tiny_data.mmsa("sims", unimodal=False), tmp_path / "a.pkl")
    with pytest.raises(ValueError, match="label='vision'.*a.pkl.* with label$"):
        stored("sims", "train", file, label="vision")


def test_records_do_without_their_file(tmp_path):
    file = tiny_data.dump(tiny_data.mult("mosi"), tmp_path / "a.pkl")
    wanted = stored("mosi", "test", file).checksum()
    file.unlink()
    assert stored("mosi", "test", None).checksum() == wanted
    with pytest.raises(FileNotFoundError):
        stored("mosi", "test", None, aligned=True)


def test_other_files_make_other_records_and_moved_ones_do_not(tmp_path, capsys):
    first = tiny_data.dump(tiny_data.mult("mosi"), tmp_path / "a" / "x.pkl")
    wanted = stored("mosi", "train", first).checksum()
    capsys.readouterr()
    moved = tmp_path / "b" / "x.pkl"
    moved.parent.mkdir()
    moved.write_bytes(first.read_bytes())
    assert stored("mosi", "train", moved).checksum() == wanted
    assert capsys.readouterr().err == ""
    other = tiny_data.dump(tiny_data.mult("mosi", seed=1), tmp_path / "c" / "x.pkl")
    assert stored("mosi", "train", other).checksum() != wanted
    (facts,) = (tmp_path / "tfds").rglob("kerasfuse.json")
    assert re.fullmatch("[0-9a-f]{64}", json.loads(facts.read_text())["sha256"])
