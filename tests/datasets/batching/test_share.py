"""What the devices get together is what one would get alone."""

import numpy as np
import pytest

from kerasfuse.datasets import Batches, Companions, ModalityDropout

SIZE, BATCH = 21, 8


def batches(**options):
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 90, (2, SIZE))
    x = {
        name: [generator.normal(size=(steps, 3)) + 9 for steps in row]
        for name, row in zip(("text", "audio"), lengths, strict=True)
    }
    labels = generator.integers(0, 3, SIZE)
    return Batches(x, labels, BATCH, shuffle=True, seed=3, sample_weight=1.0 + labels, **options)


def companions():
    return Companions(batches())


def with_dropout():
    return ModalityDropout(companions(), {"audio": 0.5})


def arrays(batch):
    inputs, *others = batch
    return [*inputs.values(), *others]


@pytest.mark.parametrize("make", [batches, companions, with_dropout])
@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
def test_every_epoch_has_the_rows_of_one_device(make, ranks):
    whole, shares = make(), [make().share(rank, ranks) for rank in range(ranks)]
    for _ in range(2):
        for index in range(len(whole)):
            parts = [arrays(share[index]) for share in shares]
            wanted = arrays(whole[index])
            counts = shares[0].counts(index)
            if counts is None:
                for part in parts:
                    for found, x in zip(part, wanted, strict=True):
                        np.testing.assert_array_equal(found, x)
                continue
            samples = len(whole.rows(index)) if make is batches else len(wanted[0]) // 7
            assert sum(counts) == samples and max(counts) - min(counts) <= 1
            for found, x in zip(zip(*parts, strict=True), wanted, strict=True):
                # Anchors of all devices first, then the first companion of each, and so on.
                groups = len(x) // samples
                cut = [p.reshape(groups, -1, *p.shape[1:]) for p in found]
                np.testing.assert_array_equal(np.concatenate(cut, axis=1).reshape(x.shape), x)
        for each in (whole, *shares):
            each.on_epoch_end()


def test_a_small_batch_is_whole_on_each_device():
    share = batches().share(5, 6)
    assert share.counts(0) == [2, 2, 1, 1, 1, 1]
    # The last batch has five samples.
    assert share.counts(2) is None and len(share[2][1]) == 5


def test_a_device_reads_its_own_samples_alone(monkeypatch):
    whole = batches()
    read = []
    store = whole._store.samples
    monkeypatch.setattr(whole._store, "samples", lambda rows: read.extend(rows) or store(rows))
    _ = whole.share(1, 2)[0]
    assert read == whole.rows(0)[4:].tolist()


@pytest.mark.parametrize("arguments", [(2, 2), (-1, 2), (0, 0), ("0", 2), (True, 2)])
def test_a_rank_that_there_is_not_is_refused(arguments):
    with pytest.raises(ValueError, match="expected a rank from 0 below the number of ranks"):
        batches().share(*arguments)
