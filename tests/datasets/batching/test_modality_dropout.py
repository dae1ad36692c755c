import numpy as np
import pytest

from kerasfuse.datasets import Batches, Companions, ModalityDropout

RNG = np.random.default_rng(0)
SIZE = 4000


def batches(batch_size=SIZE, **options):
    x = {name: RNG.normal(size=(SIZE, 3, 2)) + 9 for name in ("text", "audio", "vision")}
    x["audio"][: SIZE // 4] = 0
    return Batches(x, RNG.integers(0, 2, SIZE), batch_size=batch_size, **options)


def absent(x):
    return ~x.reshape(len(x), -1).any(axis=1)


def test_each_modality_is_left_out_at_its_rate():
    inputs, _ = ModalityDropout(batches(), {"audio": 0.5, "text": 0.2})[0]
    share = {name: absent(x).mean() for name, x in inputs.items()}
    # A quarter of the samples has no audio anyway.
    assert share["audio"] == pytest.approx(0.25 + 0.75 * 0.5, abs=0.03)
    assert share["text"] == pytest.approx(0.2, abs=0.03)
    assert share["vision"] == 0


def test_what_stays_is_as_it_was_and_no_sample_lacks_everything():
    plain = batches()
    wanted, labels = plain[0]
    inputs, found = ModalityDropout(plain, dict.fromkeys(wanted, 0.9))[0]
    np.testing.assert_array_equal(found, labels)
    lacking = np.stack([absent(x) for x in inputs.values()])
    assert not lacking.all(axis=0).any() and lacking.mean() > 0.4
    for name, x in inputs.items():
        there = ~absent(x)
        np.testing.assert_array_equal(x[there], wanted[name][there])


def test_draws_depend_on_seed_epoch_and_batch_alone():
    def drawn(seed, epoch, index):
        found = ModalityDropout(batches(SIZE // 2, seed=seed), {"text": 0.5})
        found.epoch = epoch
        found[1 - index]  # what was asked before changes nothing
        return absent(found[index][0]["text"])

    first = drawn(0, 0, 0)
    np.testing.assert_array_equal(first, drawn(0, 0, 0))
    for other in (drawn(1, 0, 0), drawn(0, 1, 0), drawn(0, 0, 1)):
        assert (first != other).any()


def test_it_goes_around_companions():
    found = ModalityDropout(Companions(batches(100)), {"text": 0.5})
    inputs, labels, weights = found[0]
    assert len(labels) == len(weights) == 700 and 200 < absent(inputs["text"]).sum() < 500
    found.epoch = 3
    found.on_epoch_end()
    assert found.batches.batches.epoch == 4 and len(found) == SIZE // 100


def test_numbers_of_samples_stay():
    found = ModalityDropout(batches(10), {"text": 0.5})
    found.numbered = True
    inputs, _ = found[1]
    np.testing.assert_array_equal(inputs["sample_number"], found.batches.rows(1))
    assert found.num_samples == SIZE


@pytest.mark.parametrize("rates", [{"text": 1.0}, {"text": -0.1}, {"text": True}, ["text"]])
def test_wrong_rates_are_refused(rates):
    with pytest.raises(ValueError, match="a probability from 0 below 1 for each modality"):
        ModalityDropout(batches(), rates)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="rates of some of text, audio, vision.*Nearest: vision"):
        ModalityDropout(batches(), {"vison": 0.5})
