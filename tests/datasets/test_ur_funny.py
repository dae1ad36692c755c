"""UR-FUNNY: official feature pickles, made here."""

import os
import pickle

import numpy as np
import pytest

from kerasfuse.datasets import load

FOLDS = {"train": [3, 8, 5], "dev": [7], "test": [2, 4]}
KEYS = [key for keys in FOLDS.values() for key in keys]
SENTENCES = [[4, 0, 2], [1, 1], [3, 2, 0, 5]]  # two of context, then the punchline
VECTORS = np.random.default_rng(0).normal(size=(6, 300))


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def steps(key, width, sentence):
    rng = np.random.default_rng([key, width, sentence])
    return rng.normal(size=(len(SENTENCES[sentence]), width))


def features(key, width):
    return {
        "punchline_features": steps(key, width, 2).tolist(),
        "context_features": [steps(key, width, i).tolist() for i in (0, 1)],
    }


def trees():
    text = {
        "punchline_sentence": "and so it goes",
        "punchline_embedding_indexes": SENTENCES[2],
        "context_embedding_indexes": SENTENCES[:2],
    }
    return {
        "data_folds": dict(FOLDS),
        "humor_label_sdk": {key: key % 2 for key in KEYS},
        "langauge_sdk": {key: dict(text) for key in KEYS},
        "word_embedding_list": VECTORS.tolist(),
        "covarep_features_sdk": {key: features(key, 81) for key in KEYS},
        "openface_features_sdk": {key: features(key, 371) for key in KEYS},
    }


def write(folder, change=None):
    folder.mkdir(exist_ok=True)
    made = trees()
    if change:
        change(made)
    for name, tree in made.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(tree, 2))
    return folder


def stored(folder, split="train", **options):
    return load("ur_funny", split, data_dir=folder, shuffle=False, batch_size=9, **options)


def test_a_word_without_a_face_keeps_its_place(tmp_path):
    def change(made):
        found = made["openface_features_sdk"][3]["punchline_features"]
        found[0] = found[3] = [0.0] * 371

    batches = stored(write(tmp_path / "a", change))
    assert batches.aligned == ("text", "audio", "vision")
    inputs, _ = batches[0]
    wanted = steps(3, 371, 2).astype("f4")
    wanted[[0, 3]] = 0
    np.testing.assert_array_equal(inputs["vision"][0], wanted)
    np.testing.assert_array_equal(inputs["text"][0], VECTORS[SENTENCES[2]].astype("f4"))


@pytest.mark.parametrize("context", [False, True])
def test_what_is_in_the_files(tmp_path, context):
    folder = write(tmp_path / "a")
    used = (0, 1, 2) if context else (2,)
    for split, theirs in {"train": "train", "validation": "dev", "test": "test"}.items():
        batches = stored(folder, split, context=context)
        assert batches.modalities == {"text": 300, "audio": 81, "vision": 371}
        assert batches.ids == [str(key) for key in FOLDS[theirs]]
        np.testing.assert_array_equal(batches.labels[:, 0], [key % 2 for key in FOLDS[theirs]])
        inputs, _ = batches[0]
        words = VECTORS[[i for sentence in used for i in SENTENCES[sentence]]]
        for row, key in enumerate(FOLDS[theirs]):
            np.testing.assert_array_equal(inputs["text"][row], words.astype("f4"))
            for name, width in (("audio", 81), ("vision", 371)):
                wanted = np.concatenate([steps(key, width, i) for i in used]).astype("f4")
                np.testing.assert_array_equal(inputs[name][row], wanted)


def test_values_that_are_not_finite_are_cleaned_and_told(tmp_path, capsys):
    def change(trees):
        trees["covarep_features_sdk"][8]["punchline_features"][1][7] = -np.inf

    inputs, _ = stored(write(tmp_path / "a", change))[0]
    assert inputs["audio"][1, 1, 7] == 0 and inputs["audio"][1, 1, 8] != 0
    assert "1 values that were not finite" in capsys.readouterr().err


def swap(trees):
    names = ("covarep_features_sdk", "openface_features_sdk")
    trees[names[0]], trees[names[1]] = trees[names[1]], trees[names[0]]


DAMAGES = {
    "no list": (
        lambda t: t["data_folds"].update(train=3),
        "names or numbers .*folds.pkl",
    ),
    "many times": (
        lambda t: t["data_folds"].update(train=[3] * 7),
        "each sample once in .*folds.pkl'. Received: 7 in train, where 6 have labels",
    ),
    "no keys": (lambda t: t["data_folds"].update(train=[[3]]), "names or numbers of samples"),
    "no words": (
        lambda t: t["langauge_sdk"][8].update(punchline_embedding_indexes=["a"]),
        "positions of words in sample 8 in .*langauge_sdk.pkl",
    ),
    "half a word": (
        lambda t: t["langauge_sdk"][8].update(punchline_embedding_indexes=[0.5]),
        "positions of words in sample 8",
    ),
    "no steps": (
        lambda t: t["covarep_features_sdk"][8].update(punchline_features=3),
        "steps of 81 numbers in 'audio' of sample 8",
    ),
    "ragged steps": (
        lambda t: t["covarep_features_sdk"][8].update(punchline_features=[[[1], [1, 2]]]),
        "steps of 81 numbers in 'audio' of sample 8",
    ),
    "no text": (
        lambda t: t["langauge_sdk"][8].update(punchline_sentence={"a": 1}),
        "'punchline_sentence' to hold texts",
    ),
    "ragged label": (
        lambda t: t["humor_label_sdk"].update({8: [[1], [1, 2]]}),
        "label of sample '8' .* to be a number",
    ),
    "swapped": (swap, r"81 features in 'audio' of sample 3 in .*covarep.*\(371,\).*swapped"),
    "sample": (
        lambda t: t["openface_features_sdk"].pop(5),
        "sample 5 of .*data_folds.pkl' in .*openface",
    ),
    "word": (
        lambda t: t["langauge_sdk"][8].update(punchline_embedding_indexes=[0, 6]),
        "positions below 6 in 'text' of sample 8 in .*langauge_sdk.pkl'. Received: 0 to 6",
    ),
    "field": (
        lambda t: t["covarep_features_sdk"][3].pop("punchline_features"),
        "punchline_features .* of sample 3 in .*covarep",
    ),
    "ragged": (
        lambda t: t["covarep_features_sdk"][3]["punchline_features"][1].pop(),
        r"'audio' of sample 3 in .*\(80,\), \(81,\)",
    ),
    "vectors": (lambda t: t["word_embedding_list"][2].pop(), "word vectors .*embedding_list.pkl"),
    "label": (lambda t: t["humor_label_sdk"].update({8: "funny"}), "label of sample '8'.*'funny'"),
    "folds": (lambda t: t["data_folds"].pop("dev"), "train, dev and test .*no dev"),
    "empty": (lambda t: t["data_folds"].update(dev=[]), "none in validation"),
    "twice": (lambda t: t["data_folds"].update(train=[3, 8, 3]), "'id' '3' twice in train"),
    "list": (lambda t: t.update(humor_label_sdk=[1, 0]), "a dict in .*humor_label_sdk.pkl"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_told(tmp_path, damage):
    change, message = DAMAGES[damage]
    with pytest.raises(ValueError, match=message):
        stored(write(tmp_path / "a", change))


class Runs:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_a_hostile_file_is_not_run(tmp_path):
    mark = tmp_path / "mark"
    folder = write(tmp_path / "a", lambda trees: trees.update(humor_label_sdk={3: Runs(mark)}))
    with pytest.raises(ValueError, match="humor_label_sdk.pkl', which asks for .*system"):
        stored(folder)
    assert not mark.exists()


def test_missing_files_are_named(tmp_path):
    folder = write(tmp_path / "a")
    (folder / "covarep_features_sdk.pkl").unlink()
    with pytest.raises(FileNotFoundError, match="a folder without covarep_features_sdk.pkl"):
        stored(folder)
    with pytest.raises(ValueError, match="context='both'"):
        stored(folder, context="both")
