"""Slices, subsets, splits and weights of batches, in memory and on disk."""

import keras
import numpy as np
import pytest

from kerasfuse.datasets import Batches, load
from kerasfuse.read_ahead import ReadAhead


@pytest.fixture(params=["memory", "records"])
def batches(request, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    text = np.zeros((9, 7, 2), "float32")
    for i in range(9):
        text[i, : 1 + i % 5] = rng.normal(size=(1 + i % 5, 2))
    image = rng.normal(size=(9, 3, 4, 1)).astype("float32")
    labels = np.arange(9) + 0.5
    if request.param == "memory":
        return Batches({"text": text, "image": image}, labels, batch_size=4)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    np.savez(tmp_path / "train.npz", text=text, image=image, labels=labels)
    return load("own", data_dir=tmp_path, batch_size=4, shuffle=False)


def test_a_subset_holds_its_samples(batches):
    some = batches.subset([7, -8, 3])
    (inputs, labels), whole = some[0], batches.gather([7, 1, 3])
    np.testing.assert_array_equal(labels, whole[1])
    np.testing.assert_array_equal(inputs["image"], whole[0]["image"])
    steps = inputs["text"].shape[1]
    assert steps == 4  # its own longest
    np.testing.assert_array_equal(inputs["text"], whole[0]["text"][:, :steps])
    assert some.ids == [batches.ids[i] for i in (7, 1, 3)] and some.num_samples == 3
    assert some.checksum() != batches.checksum() != batches.subset([0]).checksum()
    assert batches.num_samples == 9


def test_a_subset_of_a_subset(batches):
    twice = batches.subset(batches.labels[:, 0] > 4).subset([1, 0])
    assert twice.labels[:, 0].tolist() == [5.5, 4.5]
    np.testing.assert_array_equal(twice[0][0]["image"], batches.gather([5, 4])[0]["image"])


def test_a_slice_is_of_batches(batches):
    first = batches[:2]
    assert len(first) == 2 and first.num_samples == 8
    np.testing.assert_array_equal(first[1][1], batches[1][1])
    assert batches[-1:].labels[:, 0].tolist() == [8.5]
    with pytest.raises(ValueError, match="a batch in it"):
        batches[5:]


def test_a_split_has_every_sample_once(batches):
    part, rest = batches.split(1 / 3)
    assert (part.num_samples, rest.num_samples) == (3, 6)
    assert sorted([*part.ids, *rest.ids]) == sorted(batches.ids)
    assert batches.split(1 / 3)[0].ids == part.ids != batches.split(1 / 3, seed=1)[0].ids
    with pytest.raises(ValueError, match="both parts"):
        batches.split(0.01)


@pytest.mark.parametrize("rows", [[], [9], [-10], [0.5], [True, False]])
def test_rows_that_are_none(batches, rows):
    with pytest.raises(ValueError, match="expected positions of"):
        batches.subset(rows)


def test_weights_are_the_third_of_a_batch(batches):
    batches.sample_weight = np.arange(9)
    assert batches[1][2].tolist() == [4, 5, 6, 7]
    assert batches.subset([8, 2])[0][2].tolist() == [8, 2]
    for wrong in (np.arange(8), -np.arange(9), np.full(9, np.nan)):
        with pytest.raises(ValueError, match="sample_weight"):
            batches.sample_weight = wrong


def test_a_subset_is_shuffled_when_asked(batches):
    some = batches.subset(range(8))
    some.shuffle = True
    some.epoch = 3
    shuffled = np.concatenate([some[i][1][:, 0] for i in range(2)])
    assert sorted(shuffled) == sorted(some.labels[:, 0]) and not (np.diff(shuffled) > 0).all()


@pytest.mark.parametrize("readers", [1, 3])
def test_readers_change_nothing(batches, readers):
    batches.shuffle, order = True, []
    for ahead in (None, ReadAhead(readers)):
        batches._ahead = ahead
        batches.epoch = 0
        for _ in range(3):
            order.append([batches[i][1][:, 0].tolist() for i in range(len(batches))])
            batches.on_epoch_end()
    assert order[:3] == order[3:]
    # Anywhere, and twice.
    assert batches[2][1].tolist() == batches[-1][1].tolist()


def test_readers_in_fit():
    def seen(readers):
        keras.utils.set_random_seed(0)
        x = np.random.default_rng(0).normal(size=(8, 3, 2))
        found = Batches({"x": x}, np.arange(8), 2, shuffle=True, seed=3, readers=readers)
        inputs = keras.Input((None, 2), name="x")
        outputs = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(inputs))
        model = keras.Model({"x": inputs}, outputs)
        model.compile("sgd", "mse")
        return model.fit(found, epochs=3, shuffle=False, verbose=0).history["loss"]

    assert seen(2) == pytest.approx(seen(0), rel=1e-6)
