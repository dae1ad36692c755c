"""Loading by name: what is offered when a name is wrong."""

import numpy as np
import pytest

from kerasfuse import datasets


def test_names():
    known = "av_mnist ave cremad iemocap kinetics_sound mosei mosi mosi_utterance mosi_words own"
    known += " ravdess ravdess_speech recordings sims simulated ur_funny"
    assert set(known.split()) == set(datasets.names())
    assert datasets.names() == sorted(datasets.names())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mosi_uterance",), "name to be one of .*Nearest: mosi_utterance"),
        (("simulated", "valid"), "split to be one of train.*Nearest: validation"),
    ],
)
def test_unknown_names_offer_the_nearest(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(*arguments)


def test_unknown_arguments_list_the_valid_ones():
    with pytest.raises(ValueError, match="argument of mosi_utterance.*Nearest: context_length"):
        datasets.load("mosi_utterance", context_lenght=3)
    with pytest.raises(ValueError, match="Received: foo=3. Valid: context, .*standardize"):
        datasets.load("mosi_utterance", foo=3)


def test_only_training_data_are_shuffled_by_default():
    def order(**arguments):
        batches = datasets.load("simulated", num_samples=40, batch_size=40, **arguments)
        return (batches[0][1] == batches.labels).all()

    assert not order() and order(split="test") and order(shuffle=False)
    assert not order(split="test", shuffle=True)


def test_the_seed_of_the_order_leaves_the_data_alone():
    a, b = (datasets.load("simulated", num_samples=8, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(a.labels, b.labels)
    assert a.checksum() == b.checksum() and (a[0][1] != b[0][1]).any()


def test_a_data_set_says_its_arguments():
    assert datasets.arguments("kinetics_sound") == ("classes", "unreadable")
    assert "fold" in datasets.arguments("ravdess") and "fold" not in datasets.arguments("mosi")


def test_a_data_set_says_where_its_files_come_from():
    assert "zenodo.org/records/1188976" in datasets.instructions("ravdess")
    assert "MMSA" in datasets.instructions("sims")
    assert datasets.instructions("simulated") == ""


def test_a_data_set_says_its_classes():
    counts = {name: datasets.num_classes(name) for name in datasets.names()}
    assert {name: count for name, count in counts.items() if count} == {
        "ave": 28,
        "av_mnist": 10,
        "cremad": 6,
        "kinetics_sound": 34,
        "ravdess": 8,
        "ravdess_speech": 8,
    }
    assert datasets.class_names("cremad")[3] == "fearful"
    # AVE's are in its files; a score of sentiment is no class.
    assert datasets.class_names("ave") is None and datasets.class_names("mosi") is None


@pytest.mark.parametrize("function", ["arguments", "instructions", "num_classes", "class_names"])
def test_what_is_asked_of_an_unknown_data_set(function):
    with pytest.raises(ValueError, match="name='ravdes'. Nearest: ravdess"):
        getattr(datasets, function)("ravdes")
