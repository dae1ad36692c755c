"""Modalities that share their steps keep step i of one beside step i of the others."""

import keras
import numpy as np
import pytest

from kerasfuse.datasets import Batches, Companions, load
from kerasfuse.models import EFLSTM, LMF, MFN
from kerasfuse.recipes.costs.mean_steps import mean_steps
from kerasfuse.training import AGM, Modulated


def sequence(*values):
    return np.array(values, "float32")[:, None]


# Word by word: no face in the first two words, no sound in the last one.
TEXT = sequence(1, 2, 3, 4, 5, 6)
VISION = sequence(0, 0, 3, 4, 5, 6)
AUDIO = sequence(1, 2, 3, 4, 5, 0)
INPUTS = {"text": [TEXT, TEXT[:4]], "vision": [VISION, None], "audio": [AUDIO, AUDIO[:4]]}
LABELS = [0.5, -0.5]


def rows(inputs, sample):
    return {name: x[sample, :, 0].tolist() for name, x in inputs.items()}


def test_steps_stay_side_by_side():
    batches = Batches(INPUTS, LABELS, aligned=True)
    assert batches.aligned == ("text", "vision", "audio")
    inputs, _ = batches[0]
    assert rows(inputs, 0) == {
        "text": [1, 2, 3, 4, 5, 6],
        "vision": [0, 0, 3, 4, 5, 6],
        "audio": [1, 2, 3, 4, 5, 0],
    }
    assert rows(inputs, 1) == {
        "text": [1, 2, 3, 4, 0, 0],
        "vision": [0] * 6,
        "audio": [1, 2, 3, 4, 0, 0],
    }


@pytest.mark.parametrize("padding", ["right", "left"])
def test_padding_that_all_share_is_cut(padding):
    zeros = np.zeros((3, 1), "float32")
    dense = {
        name: np.stack([np.concatenate([zeros, x, zeros])])
        for name, x in (("text", TEXT), ("vision", VISION), ("audio", AUDIO))
    }
    batches = Batches(dense, LABELS[:1], aligned=True, padding=padding)
    assert {name: x.shape for name, x in batches[0][0].items()} == dict.fromkeys(dense, (1, 6, 1))
    assert rows(batches[0][0], 0)["vision"] == VISION[:, 0].tolist()


def test_only_those_that_are_named_share_their_steps():
    pulse = [sequence(0, 7, 8), sequence(9)]
    batches = Batches({**INPUTS, "pulse": pulse}, LABELS, aligned=["text", "vision", "audio"])
    assert rows(batches[0][0], 0)["pulse"] == [7, 8]
    assert rows(batches[0][0], 0)["vision"] == VISION[:, 0].tolist()


def test_without_the_word_each_is_cut_by_itself():
    inputs, _ = Batches(INPUTS, LABELS)[0]
    assert rows(inputs, 0)["vision"] == [3, 4, 5, 6] and inputs["text"].shape[1] == 6


@pytest.mark.parametrize(
    ("aligned", "message"),
    [
        ("text", "True or names among the sequences"),
        (["text", "face"], r"names among the sequences \['text', 'vision', 'audio'\]"),
    ],
)
def test_a_wrong_name_is_refused(aligned, message):
    with pytest.raises(ValueError, match=message):
        Batches(INPUTS, LABELS, aligned=aligned)


def test_sequences_of_other_lengths_are_refused():
    inputs = {"text": [TEXT, TEXT], "vision": [VISION, VISION[:4]]}
    with pytest.raises(ValueError, match="'text': 6, 'vision': 4} in sample 1"):
        Batches(inputs, LABELS, aligned=True)


def write_npz(folder):
    for split in ("train", "validation", "test"):
        arrays = {"text": TEXT[None], "vision": VISION[None], "audio": AUDIO[None]}
        absent = {name: np.concatenate([x, x * (name != "vision")]) for name, x in arrays.items()}
        pulse = np.stack([sequence(0, 7, 8), sequence(9, 0, 0)])
        np.savez(folder / f"{split}.npz", labels=LABELS, pulse=pulse, **absent)
    return folder


def test_files_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder = write_npz(tmp_path)
    names = ["text", "vision", "audio"]
    batches = load("own", "test", data_dir=folder, aligned=names)
    assert batches.aligned == tuple(names)
    inputs, _ = batches[0]
    assert rows(inputs, 0)["vision"] == VISION[:, 0].tolist()
    assert rows(inputs, 1)["vision"] == [0] * 6
    assert rows(inputs, 0)["pulse"] == [7, 8]
    # The same files, the other way: other records.
    assert rows(load("own", "test", data_dir=folder)[0][0], 0)["vision"][:4] == [3, 4, 5, 6]
    with pytest.raises(ValueError, match=r"'pulse': 3.*Are these unaligned files"):
        load("own", "test", data_dir=folder, aligned=True)


WIDTHS = {"text": 1, "vision": 1, "audio": 1}


def word_model():
    return EFLSTM(WIDTHS, units=4)


@pytest.mark.parametrize("kind", ["plain", "modulated", "companions"])
def test_a_model_of_words_refuses_data_that_do_not_share_their_steps(kind):
    # Of one length by chance: the model alone cannot know.
    inputs = {name: [np.ones((6, 1)), 2 * np.ones((6, 1))] for name in WIDTHS}
    data = Batches(inputs, [0.0, 1.0])
    model = word_model()
    if kind == "companions":
        data = Companions(data)
    if kind == "modulated":
        model = Modulated(MFN(WIDTHS, dim=2), AGM(alpha=1.0))
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="takes one step .* text, vision, audio have steps of th"):
        model.fit(data, verbose=0)
    if kind == "plain":
        for method in (model.evaluate, model.predict):
            with pytest.raises(ValueError, match="takes one step of every modality"):
                method(data, verbose=0)


def test_a_model_of_words_takes_aligned_data_and_others_take_both():
    for model, aligned in ((word_model(), True), (LMF(WIDTHS, dim=2, rank=2), False)):
        model.compile("sgd", loss="mse")
        history = model.fit(Batches(INPUTS, LABELS, aligned=aligned), verbose=0).history
        assert np.isfinite(history["loss"]).all()


def test_costs_are_counted_for_steps_that_agree():
    steps = mean_steps(Batches(INPUTS, LABELS, aligned=True))
    assert steps == dict.fromkeys(WIDTHS, 5)
    assert mean_steps(Batches(INPUTS, LABELS))["vision"] == 2


def test_padding_changes_nothing_for_a_model_of_words():
    keras.utils.set_random_seed(0)
    model = word_model()
    plain = model.predict(Batches(INPUTS, LABELS, aligned=True), verbose=0)
    left = model.predict(Batches(INPUTS, LABELS, aligned=True, padding="left"), verbose=0)
    np.testing.assert_allclose(plain, left, atol=1e-6)
