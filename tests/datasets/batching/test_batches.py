"""Batches: what is cut and padded, in which order, what is refused, and `fit` on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.datasets import Batches


def ragged(lengths, width, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(length, width)).astype("float32") for length in lengths]


def padded(samples, steps, left=0):
    """Put each sample into `steps` zero rows, `left` rows from the top."""
    array = np.zeros((len(samples), steps, samples[0].shape[1]), "float32")
    for row, sample in zip(array, samples, strict=True):
        row[left : left + len(sample)] = sample
    return array


def test_lists_and_padded_arrays_give_the_same_batches():
    samples = ragged([3, 9, 5], 4)
    wanted = [x["a"] for x, _ in Batches({"a": samples}, np.zeros(3), batch_size=2)]
    for array in (padded(samples, 12), padded(samples, 12, left=3), padded(samples, 9)):
        for kind in (array, array.astype("float64"), list(array)):
            got = [x["a"] for x, _ in Batches({"a": kind}, np.zeros(3), batch_size=2)]
            for g, w in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(g, w)
                assert g.dtype == "float32"


@pytest.mark.parametrize("padding", ["right", "left"])
def test_padding_is_on_the_side_asked_for(padding):
    samples = ragged([3, 9], 4)
    (x,) = Batches({"a": padded(samples, 15, left=2)}, padding=padding)[0]
    assert x["a"].shape == (2, 9, 4)
    at = slice(0, 3) if padding == "right" else slice(6, 9)
    np.testing.assert_array_equal(x["a"][0, at], samples[0])
    assert np.count_nonzero(x["a"][0].any(axis=-1)) == 3
    np.testing.assert_array_equal(x["a"][1], samples[1])


def test_lengths_are_rounded_up_to_32_but_not_beyond_the_longest():
    lengths = [5, 40, 20, 70, 64, 33, 65, 1]
    batches = Batches({"a": ragged(lengths, 2)}, batch_size=1)
    steps = [x["a"].shape[1] for (x,) in batches]
    # With TensorFlow the second batch has to differ from the first; here it does.
    assert steps == [32, 64, 32, 70, 64, 64, 70, 32]


def test_each_modality_has_its_own_length():
    x, _ = Batches({"a": ragged([3, 4], 2), "b": ragged([50, 90], 3)}, [0, 1])[0]
    assert x["a"].shape == (2, 4, 2) and x["b"].shape == (2, 90, 3)


def test_missing_frames_inside_keep_their_place():
    sample = np.ones((1, 6, 2))
    sample[0, [0, 2, 5]] = 0
    (x,) = Batches({"a": sample})[0]
    np.testing.assert_array_equal(x["a"][0, :, 0], [1, 0, 1, 1])


def test_absent_modalities_are_zeros_and_never_without_steps():
    a = [np.ones((4, 2)), None, np.zeros((7, 2))]
    batches = Batches(
        {"a": a, "b": np.ones((3, 2, 3)), "c": None},
        modalities={"a": 2, "b": 3, "c": 5},
        batch_size=1,
    )
    shapes = [(x["a"].shape[1:], x["c"].shape[1:]) for (x,) in batches]
    assert shapes == [((4, 2), (1, 5))] * 3
    assert not batches[1][0]["a"].any() and not batches[2][0]["a"].any()
    assert batches.modalities == {"a": 2, "b": 3, "c": 5}


def test_the_last_batch_is_kept():
    batches = Batches({"a": ragged([2] * 7, 2)}, np.arange(7), batch_size=3)
    assert len(batches) == 3
    assert [len(y) for _, y in batches] == [3, 3, 1]
    assert len(batches[-1][1]) == 1
    with pytest.raises(IndexError):
        batches[3]


def test_one_number_a_sample_becomes_a_column_and_other_shapes_stay():
    a = ragged([2, 2], 2)
    assert Batches({"a": a}, [1, 2])[0][1].shape == (2, 1)
    pairs = Batches({"a": a}, np.ones((2, 4, 2)))[0][1]
    assert pairs.shape == (2, 4, 2) and pairs.dtype == "float32"


def test_order_depends_on_seed_and_epoch_alone():
    def epochs(seed, num):
        batches = Batches(
            {"a": ragged([2] * 20, 2)}, np.arange(20), batch_size=8, shuffle=True, seed=seed
        )
        for _ in range(num):
            yield np.concatenate([y[:, 0] for _, y in batches])
            batches.on_epoch_end()

    first, second = epochs(3, 2)
    assert sorted(first) == sorted(second) == list(range(20))
    assert not np.array_equal(first, second) and not np.array_equal(first, np.arange(20))
    again = list(epochs(3, 2))
    np.testing.assert_array_equal(again, [first, second])
    assert not np.array_equal(next(epochs(4, 1)), first)

    resumed = Batches({"a": ragged([2] * 20, 2)}, np.arange(20), batch_size=8, shuffle=True, seed=3)
    resumed.epoch = 1
    np.testing.assert_array_equal(np.concatenate([y[:, 0] for _, y in resumed]), second)


def test_samples_and_labels_stay_together():
    a = [np.full((1 + i % 4, 2), i + 1) for i in range(11)]
    batches = Batches({"a": a}, np.arange(11) + 1, batch_size=4, shuffle=True)
    for x, y in batches:
        np.testing.assert_array_equal(x["a"][:, 0, :1], y)
    np.testing.assert_array_equal(batches.labels[:, 0], np.arange(11) + 1)
    assert batches.ids == [str(i) for i in range(11)]


def test_checksum_sees_values_and_not_padding_or_order():
    samples = ragged([3, 9, 5], 4)
    checksum = Batches({"a": samples}, [0, 1, 2]).checksum()
    assert Batches({"a": padded(samples, 20)}, [0, 1, 2], shuffle=True).checksum() == checksum
    samples[1] = samples[1] + 1
    assert Batches({"a": samples}, [0, 1, 2]).checksum() != checksum
    assert len(checksum) == 64


def test_alignment_is_cut_like_the_sample():
    sample = np.ones((1, 6, 2))
    sample[0, [0, 1, 5]] = 0
    batches = Batches({"a": sample}, alignments={"a": [np.array([-1, 0, 0, 1, 1, -1])]})
    np.testing.assert_array_equal(batches.alignment(0)["a"], [0, 1, 1])
    with pytest.raises(ValueError, match="true alignment is known"):
        Batches({"a": sample}).alignment(0)


def test_memory_mapped_files_are_served_without_a_copy(tmp_path):
    np.save(tmp_path / "a.npy", padded(ragged([3, 9, 5], 4), 12))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    (x,) = Batches({"a": mapped})[0]
    np.testing.assert_array_equal(x["a"], mapped[:, :9])


def test_values_that_are_not_finite_are_refused_or_cleaned():
    a = padded(ragged([3, 9, 5], 4), 12)
    a[1, 2, 3], a[2, 0, 0], a[2, 1] = np.nan, -np.inf, np.inf
    before = a.copy()
    for given in (a, list(a)):
        with pytest.raises(
            ValueError, match=r"'a'\] with 1 NaN and 5 infinite .* sample 1, step 2, feature 3"
        ):
            Batches({"a": given})
        with pytest.warns(UserWarning, match="6 in 'a'"):
            (x,) = Batches({"a": given}, clean=True)[0]
        assert np.isfinite(x["a"]).all()
        assert x["a"][1, 2, 3] == 0 and x["a"][1, 2, 2] == a[1, 2, 2]
        assert not x["a"][2, 1].any()
    np.testing.assert_array_equal(a, before)
    with pytest.raises(ValueError, match="1 infinite"):
        Batches({"a": np.full((1, 1, 1), 1e300)})


WIDTHS = {"text": 3, "audio": 2}
GOOD = {"text": np.ones((4, 5, 3)), "audio": np.ones((4, 6, 2))}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"text": GOOD["text"]}, "'audio' is missing"),
        (GOOD | {"vision": GOOD["text"]}, "'vision' is not among them"),
        ({"text": GOOD["text"], "adio": GOOD["audio"]}, r"'adio' .*is it 'audio'\?.* 'audio' is"),
        (GOOD | {"audio": np.ones((4, 6, 7))}, r"'audio'\] to be 2 features wide. .*: width 7"),
        (GOOD | {"audio": [np.ones((2, 2)), np.ones((2, 3))] * 2}, "2 in sample 0 and 3 in .* 1"),
        (GOOD | {"audio": np.ones((3, 6, 2))}, r"'text': 4, 'audio': 3"),
        (GOOD | {"audio": np.ones((4, 0, 2))}, r"to have steps .*shape \(4, 0, 2\)"),
        (GOOD | {"audio": [np.ones((0, 2))] * 4}, r"'audio'\]\[0\] to have steps"),
        (GOOD | {"audio": np.ones((4, 6))}, r"shape \(samples, steps, width\).*shape \(4, 6\)"),
        (GOOD | {"audio": np.full((4, 6, 2), "x")}, "to be numbers"),
        (GOOD | {"audio": []}, "expected samples"),
        (GOOD | {"audio": "a.npy"}, "Received: str"),
        ({"text": None, "audio": None}, "at least one modality"),
        ({name: x * np.arange(4)[:, None, None] for name, x in GOOD.items()}, "1 empty .* 0. Lea"),
        ({}, "Received: an empty dict"),
        (GOOD["text"], "Received: ndarray"),
    ],
)
def test_bad_inputs_are_named(inputs, message):
    with pytest.raises(ValueError, match=message):
        Batches(inputs, modalities=WIDTHS)


def test_absence_of_unknown_width_is_refused():
    with pytest.raises(ValueError, match="modalities="):
        Batches({"text": GOOD["text"], "audio": None})
    with pytest.raises(ValueError, match="modalities="):
        Batches({"text": GOOD["text"], "audio": [None] * 4})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [0, 1]}, "one label for each of the 4"),
        ({"labels": [0, 1, 2, np.nan]}, "labels finite.*1 outside.*sample 3"),
        ({"labels": [0, 4, -5, 1], "label_range": (-3, 3)}, "-3 and 3.*2 outside.* 4 at sample 1"),
        ({"labels": ["a"] * 4}, "dtype <U1"),
        ({"ids": ["a"]}, "1 ids"),
        ({"batch_size": 0}, "batch_size to be an integer from 1"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"seed": -1}, "seed to be an integer from 0"),
        ({"padding": "both"}, "Received: padding='both'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(GOOD, **arguments)


def mean_model(widths, num_outputs=1):
    """Build a dense layer on the masked means of the modalities."""
    inputs = {name: keras.Input((None, width), name=name) for name, width in widths.items()}
    means = []
    for x in inputs.values():
        valid = ops.cast(ops.any(x != 0, axis=-1, keepdims=True), x.dtype)
        means.append(ops.sum(x, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0))
    outputs = keras.layers.Dense(num_outputs)(keras.layers.Concatenate()(means))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("lengths", "shuffle"),
    [
        ([40, 41, 39, 45, 10, 90], False),  # the first two batches are equally long
        ([90, 80, 89, 70, 40, 5], False),  # and as long as the longest
        ([5, 6, 70, 8, 9], True),
    ],
)
def test_fit_evaluate_and_predict(lengths, shuffle):
    n = len(lengths)
    inputs = {"text": ragged(lengths, 3), "audio": ragged(lengths[::-1], 2)}
    batches = Batches(inputs, np.arange(n) / n, batch_size=2, shuffle=shuffle)
    model = mean_model(batches.modalities)
    model.compile("adam", "mae")
    history = model.fit(batches, validation_data=batches, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and len(history["val_loss"]) == 2
    assert np.isfinite(model.evaluate(batches, verbose=0))

    expected = model.predict({name: padded(x, 90) for name, x in inputs.items()}, verbose=0)
    np.testing.assert_allclose(
        model.predict(Batches(inputs, batch_size=2), verbose=0), expected, atol=1e-6
    )


def test_a_resumed_fit_goes_on_with_the_order_it_would_have_had():
    def orders(start, epochs):
        batches = Batches({"a": ragged([3] * 9, 2)}, np.arange(9), batch_size=2, shuffle=True)
        batches.epoch = start
        seen = []
        note = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: seen.append([int(y[0, 0]) for _, y in batches])
        )
        model = mean_model(batches.modalities)
        model.compile("sgd", "mae")
        model.fit(batches, epochs=epochs, shuffle=False, callbacks=[note], verbose=0)
        return seen

    whole = orders(0, 4)
    assert len({tuple(order) for order in whole}) == 4
    assert orders(2, 2) == whole[2:]


def test_images_are_stacked_without_padding():
    rng = np.random.default_rng(0)
    pictures = rng.integers(1, 256, (5, 40, 7, 1), dtype="uint8")
    batches = Batches({"image": pictures, "a": ragged([3, 9, 5, 2, 4], 2)}, np.arange(5.0))
    assert batches.modalities == {"image": (40, 7, 1), "a": 2}
    inputs, _ = batches[0]
    assert inputs["image"].dtype == "float32" and inputs["a"].shape == (5, 9, 2)
    np.testing.assert_array_equal(inputs["image"], pictures)
    listed = Batches({"image": [*pictures[:4], None], "a": ragged([3, 9, 5, 2, 4], 2)})
    (inputs,) = listed[0]
    np.testing.assert_array_equal(inputs["image"][:4], pictures[:4])
    assert not inputs["image"][4].any()
    absent = Batches(
        {"image": None, "a": ragged([3, 9], 2)}, modalities={"image": (40, 7, 1), "a": 2}
    )
    assert absent[0][0]["image"].shape == (2, 40, 7, 1) and not absent[0][0]["image"].any()


def test_images_that_do_not_fit_are_told():
    x = np.ones((3, 4, 4, 1))
    x[1] = 0
    with pytest.raises(ValueError, match="1 empty sample.*position 1"):
        Batches({"image": x})
    with pytest.raises(ValueError, match=r"images of shape \(4, 4, 3\). Received: .*\(4, 4, 1\)"):
        Batches({"image": x}, modalities={"image": (4, 4, 3)})
    with pytest.raises(ValueError, match=r"sequences \(samples, steps, 4\). Received: .*4, 1\)"):
        Batches({"image": x}, modalities={"image": 4})
    with pytest.raises(ValueError, match=r"of one shape. Received: \(2, 2, 1\), \(4, 4, 1\)"):
        Batches({"image": [np.ones((4, 4, 1)), np.ones((2, 2, 1))]})
    x[1, 2, 3, 0], x[2, 0, 0, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"1 NaN and 1 infinite.*at sample 1, \[2, 3, 0\]"):
        Batches({"image": x})
    x[1, 0] = 1
    with pytest.warns(UserWarning, match="2 in 'image'"):
        batches = Batches({"image": x}, clean=True)
    assert batches[0][0]["image"][1, 2, 3, 0] == 0 and np.isnan(x[1, 2, 3, 0])
    with pytest.raises(ValueError, match=r"\(samples, height, width, channels\).*dtype <U1"):
        Batches({"image": np.full((2, 4, 4, 1), "a")})


def test_numbered_batches_tell_which_samples_they_hold():
    batches = Batches({"a": ragged([3] * 5, 2)}, np.arange(5.0), batch_size=2, shuffle=True)
    assert "sample_number" not in batches[0][0]
    batches.numbered = True
    for inputs, labels in (batches[i] for i in range(3)):
        assert inputs["sample_number"].dtype == "int32"
        assert inputs["sample_number"].tolist() == labels[:, 0].tolist()
