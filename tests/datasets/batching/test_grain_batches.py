"""Batches through grain: the samples of `Batches`, in an order that is kept and shared."""

import json
import pickle
import sys

import keras
import numpy as np
import pytest
import tiny_data

from kerasfuse.datasets import GrainBatches, load
from kerasfuse.datasets.batching import grain_batches

pytest.importorskip("grain", reason="grain is not installed")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    tree = tiny_data.mult("mosi")
    return tiny_data.dump(tree, tmp_path_factory.mktemp("data") / "mosi_data_noalign.pkl")


@pytest.fixture
def make(file):
    made = []

    def make(loader="grain", **options):
        batches = load("mosi", data_dir=file, loader=loader, **{"batch_size": 2, **options})
        made.append(batches)
        return batches

    yield make
    for batches in made:
        if isinstance(batches, GrainBatches):
            batches.close()


class InThisProcess:
    """A `Stream` without processes, which take seconds to start; all but one test use it."""

    started: list[int] = []

    def __init__(self, read, workers, position):
        self.read, self.position = pickle.loads(pickle.dumps(read)), position
        self.started.append(position)

    def next(self):
        self.position += 1
        return self.read(self.position - 1)

    def close(self):
        self.read = None


@pytest.fixture
def streams(monkeypatch):
    """Where streams began."""
    monkeypatch.setattr(grain_batches, "Stream", InThisProcess)
    monkeypatch.setattr(InThisProcess, "started", [])
    return InThisProcess.started


def labels(batches):
    return [batches[i][1][:, 0].tolist() for i in range(len(batches))]


def assert_same(got, wanted):
    for name, x in wanted[0].items():
        np.testing.assert_array_equal(got[0][name], x)
    for a, b in zip(got[1:], wanted[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_rows(make, workers):
    batches, plain = make(workers=workers), make("batches")
    assert isinstance(batches, GrainBatches) and len(batches) == len(plain) == 4
    assert (batches.ids, batches.modalities) == (plain.ids, plain.modalities)
    epochs = []
    for _ in range(2):
        seen = []
        for i in range(len(batches)):
            batch = batches[i]
            rows = batches.rows(i)
            seen += rows.tolist()
            assert_same(batch, plain.gather(rows))
        assert sorted(seen) == list(range(7))
        epochs.append(seen)
        batches.on_epoch_end()
    assert epochs[0] != epochs[1]
    again = make(seed=0)
    again.epoch = 1
    assert np.concatenate([again.rows(i) for i in range(4)]).tolist() == epochs[1]


@pytest.mark.parametrize("workers", [0, 1])
def test_without_shuffling_the_order_is_that_of_batches(make, streams, workers):
    batches, plain = make(workers=workers, shuffle=False), make("batches", shuffle=False)
    for _ in range(2):  # as for the validation of two epochs
        for i in range(4):
            assert_same(batches[i], plain[i])
        batches.on_epoch_end()
    assert streams == [1] * workers  # at the second batch in order
    for i in (2, 0, 3):
        assert_same(batches[i], plain[i])
    assert_same(batches[1:3][1], plain[1:3][1])


def test_numbers_in_any_order_are_read_ahead_and_one_number_is_one_batch(make, streams):
    batches, straight = make(workers=1), make()
    wanted = labels(straight)
    # Keras looks at two, and then asks for all of them in an order of its own.
    assert [batches[i][1][:, 0].tolist() for i in (0, 1)] == wanted[:2]
    mixed = {i: batches[i][1][:, 0].tolist() for i in (2, 0, 3, 1)}
    assert [mixed[0], mixed[1], mixed[2], mixed[3]] == wanted
    batches.on_epoch_end()
    straight.on_epoch_end()
    assert {i: batches[i][1][:, 0].tolist() for i in (3, 1, 2, 0)} == dict(
        zip((3, 1, 2, 0), labels(straight), strict=True)
    )
    assert streams == [1]


def test_hosts_share_the_samples(make):
    hosts = [make(shard=(host, 2)) for host in range(2)]
    seen = [[x for batch in labels(host) for x in batch] for host in hosts]
    assert [len(x) for x in seen] == [4, 3] and [len(host) for host in hosts] == [2, 2]
    assert sorted(seen[0] + seen[1]) == sorted(make("batches").labels[:, 0].tolist())


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_position_is_gone_on_with(make, streams, workers, shuffle):
    options = {"workers": workers, "shuffle": shuffle, "seed": 5}
    batches = make(**options)
    batches.epoch = 2
    for i in range(3):
        batches[i]
    state = json.loads(json.dumps(batches.state()))
    assert (state["epoch"], state["batch"]) == (2, 3)
    other = make(**options)
    other.restore(state)
    assert len(other) == 1 and other.state() == state
    assert_same(other[0], batches[3])
    ended = batches.state()
    other.on_epoch_end()
    batches.on_epoch_end()
    assert len(other) == 4
    wanted = labels(batches)
    assert labels(other) == wanted
    # A position at the end of an epoch is the beginning of the next.
    other.restore(ended)
    assert len(other) == 4 and labels(other) == wanted


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"batches": 9}, {"batch": 5}, {"batch": None}, {"batch": -1}]
)
def test_the_state_of_other_batches_is_refused(make, change):
    batches = make()
    with pytest.raises(ValueError, match="a state of these batches, with.*'batches': 4"):
        batches.restore(batches.state() | change)


def test_a_model_is_fitted(make, streams):
    batches = make(workers=1)
    inputs = {n: keras.Input((None, w), name=n) for n, w in batches.modalities.items()}
    means = [keras.layers.GlobalAveragePooling1D()(x) for x in inputs.values()]
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()(means)))
    model.compile("sgd", "mae")
    history = model.fit(batches, epochs=2, validation_data=make(shuffle=False), verbose=0)
    assert len(history.history["val_loss"]) == 2 and np.isfinite(history.history["loss"]).all()
    assert len(streams) == 1  # for both epochs, and not for the batch that Keras looks at


def test_what_is_set_later_holds_for_what_processes_read(make, streams):
    batches = make(workers=1)
    assert len(batches[0]) == 2
    batches.numbered = True
    batches.sample_weight = np.arange(7.0)
    inputs, y, weights = batches[1]
    np.testing.assert_array_equal(inputs["sample_number"], batches.rows(1))
    np.testing.assert_array_equal(weights, batches.rows(1))


def test_some_of_the_samples_are_ordinary_batches(make):
    some = make().subset([5, 2])
    assert type(some).__name__ == "Batches" and len(some) == 1
    np.testing.assert_array_equal(some[0][1], make("batches").labels[[5, 2]])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"loader": "grian"}, "expected loader.*batches.*grain"),
        ({"workers": -1}, "expected workers to be a whole number from 1"),
        ({"shard": (2, 2)}, "the number of this host, from 0.*at most one a sample of 7"),
        ({"shard": (0, 8)}, "at most one a sample of 7"),
        ({"shard": 3}, r"Received: shard=3"),
        ({"readers": 2}, "loader='grain', which reads in processes"),
        ({"loader": "batches", "workers": 2}, 'expected workers with loader="grain"'),
        ({"loader": "batches", "shard": (0, 2)}, 'expected shard with loader="grain"'),
    ],
)
def test_what_does_not_fit_is_told(make, options, told):
    with pytest.raises(ValueError, match=told):
        make(**options)


def test_data_in_memory_are_refused():
    with pytest.raises(ValueError, match="expected records for loader=.*Leave loader out"):
        load("simulated", num_samples=8, loader="grain")


def test_without_grain_the_extra_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ImportError, match=r"package grain.*kerasfuse-zoo\[scale\]"):
        load("mosi", data_dir=file, loader="grain")
