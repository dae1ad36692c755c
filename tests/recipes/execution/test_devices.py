"""Devices that train together: what is refused, and in which words."""

import contextlib
import re

import keras
import pytest
import tiny_zoo

from kerasfuse import backend, recipes
from kerasfuse.recipes.execution.cluster import Executor
from kerasfuse.recipes.execution.devices import Devices, StoppedWithOthersError, joined

NAME = tiny_zoo.NAME


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


class Group:
    """Two processes, of which the other one says the same but for what it is given."""

    def __init__(self, rank=0, change=lambda words: words):
        self.rank, self.ranks = rank, 2
        self.change = change

    def words(self, value):
        other = self.change(value)
        return [other, value] if self.rank else [value, other]


def use(monkeypatch, number, group=None):
    @contextlib.contextmanager
    def there_are():
        yield number, group

    monkeypatch.setattr(backend, "data_parallel", there_are)


def refused(words, tmp_path, error=ValueError, **arguments):
    arguments = {"distribute": "data", "seeds": [1], "verbose": 0, **arguments}
    with pytest.raises(error, match=re.escape(words)):
        recipes.train(NAME, tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", [{}, {"batch_size": 100, "num_samples": 12}])
def test_more_devices_than_samples_in_a_batch(path, tmp_path, monkeypatch, size):
    use(monkeypatch, 16)
    refused(
        "expected at most as many devices as a batch has samples, 12. Received: 16 devices, ",
        tmp_path,
        overrides=size,
    )


@pytest.mark.parametrize("name", ["data", "seeds", "recipe"])
def test_processes_that_disagree(path, tmp_path, monkeypatch, name):
    def other(words):
        return {**words, name: "0123456789abcdef"} if isinstance(words, dict) else words

    use(monkeypatch, 2, Group(0, other))
    refused(f"expected processes that train on the same {name}. Received: ", tmp_path)
    use(monkeypatch, 2, Group(1, other))
    refused("process 1 cannot go on", tmp_path, StoppedWithOthersError)


def test_what_another_process_cannot_read_ends_this_one(path, tmp_path, monkeypatch):
    use(monkeypatch, 2, Group(0, lambda words: "FileNotFoundError: expected a file"))
    refused(
        "expected 2 processes that train together. Received: an error in process 2 "
        "(FileNotFoundError: expected a file).",
        tmp_path,
    )


def test_an_own_error_is_told_as_it_is(path, tmp_path, monkeypatch):
    use(monkeypatch, 2, Group(0))
    refused("expected seeds", tmp_path, seeds=[-1])
    use(monkeypatch, 2, Group(1))
    refused("process 1 cannot go on", tmp_path, StoppedWithOthersError, seeds=[-1])


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("expected distribute to be one of data. Received: distribute='model'.", {}),
        ("expected one training at a time on several devices. Received: ", {"jobs": 2}),
        ("expected one training at a time on several", {"executor": Executor("local")}),
    ],
)
def test_ways_that_there_are_not(path, tmp_path, words, arguments):
    refused(words, tmp_path, **{"distribute": "data" if arguments else "model", **arguments})


def test_a_backend_without_devices_to_join(path, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "tensorflow")
    with pytest.raises(ValueError, match="expected the backend jax or torch to train on several"):
        with joined("data", print):
            pass


def test_one_process_of_torch_is_one_device(monkeypatch):
    told = []
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(backend, "idle_devices", lambda: 3)
    with joined("data", told.append) as devices:
        assert devices == Devices() and devices.word(lambda: 5) == 5
    assert told == [
        "1 device trains; for the 3 others: torchrun --nproc-per-node 4 --no-python "
        "kerasfuse train ..."
    ]
    with joined(None, told.append) as devices:
        assert devices == Devices()
    assert len(told) == 1


def test_a_process_that_torchrun_did_not_start(monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = "expected the variables that torchrun sets. Received: WORLD_SIZE=2 without RANK, MASTER"
    with pytest.raises(ValueError, match=words):
        with joined("data", print):
            pass


def test_the_run_of_one_device_is_as_ever(path, tmp_path):
    told = []
    once = recipes.train(NAME, tmp_path / "once", [1], {"epochs": 1}, verbose=0)
    found = recipes.train(
        NAME, tmp_path / "run", [1], {"epochs": 1}, verbose=0, report=told.append, distribute="data"
    )
    assert found.seeds[1]["test"] == once.seeds[1]["test"]
    assert told[0] == "1 device trains"
