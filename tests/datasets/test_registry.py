"""Loading by name: what is offered when a name is wrong."""

import pytest

from kerasfuse import datasets


def test_names():
    known = "av_mnist ave cremad iemocap kinetics_sound mosei mosi mosi_utterance own ravdess sims"
    assert {*known.split(), "simulated", "ur_funny"} == set(datasets.names())
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
    assert a.checksum() == b.checksum()
    assert (a[0][1] != b[0][1]).any()
