"""The order of samples that nobody lists."""

import tracemalloc

import numpy as np
import pytest

from kerasfuse.datasets.batching.global_order import GlobalOrder

pytest.importorskip("grain", reason="grain is not installed")


def epoch_of(order, epoch):
    return np.concatenate([order.rows(epoch * len(order) + i) for i in range(len(order))])


def test_an_epoch_is_a_permutation_and_another_one_each_time():
    order = GlobalOrder(50, 8, True, 3)
    assert [len(order.rows(i)) for i in range(len(order))] == [8] * 6 + [2]
    epochs = [epoch_of(order, epoch).tolist() for epoch in range(3)]
    for rows in epochs:
        assert sorted(rows) == list(range(50)) != rows
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    again, other = GlobalOrder(50, 8, True, 3), GlobalOrder(50, 8, True, 4)
    assert epoch_of(again, 1).tolist() == epochs[1]
    # Not the same epochs one place on.
    assert epoch_of(other, 0).tolist() not in epochs
    assert epoch_of(GlobalOrder(50, 8, False, 3), 2).tolist() == list(range(50))


def test_hosts_share_no_sample_and_have_all():
    parts = [[epoch_of(GlobalOrder(50, 8, True, 0, (h, 3)), e) for h in range(3)] for e in range(2)]
    for hosts in parts:
        assert [len(rows) for rows in hosts] == [17, 17, 16]
        assert sorted(np.concatenate(hosts)) == list(range(50))
    # Shuffled together: a host has other samples in the next epoch.
    assert set(parts[0][0]) != set(parts[1][0])


def test_ten_million_samples_take_no_memory():
    GlobalOrder(10, 32, True, 0).rows(0)  # what is imported stays
    tracemalloc.start()
    order = GlobalOrder(10_000_000, 32, True, 0, (1, 4))
    seen = [order.rows(i) for i in (0, 1, 40_000, len(order) - 1, len(order), 10 * len(order))]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(order) == 78_125 and len(np.unique(np.concatenate(seen[:4]))) == 4 * 32
    assert max(rows.max() for rows in seen) > 9_000_000
    assert peak < 200_000
