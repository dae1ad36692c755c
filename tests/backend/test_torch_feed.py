"""A GPU is fed while it computes; how is tried on a processor, with the copies left out."""

import keras
import numpy as np
import pytest

from kerasfuse import backend
from kerasfuse.datasets import Batches
from kerasfuse.models import LMF, LateFusion, SelfMM
from kerasfuse.training import AGM, Modulated

torch = pytest.importorskip("torch")
if keras.config.backend() != "torch":
    pytest.skip("feeds PyTorch", allow_module_level=True)

from kerasfuse.backend import torch_device, torch_feed  # noqa: E402

WIDTHS = {"text": 3, "audio": 2}


@pytest.fixture
def gpu(monkeypatch):
    """Let there seem to be a GPU, and return what is copied to it."""
    copied = []

    def pinned(x):
        copied.append(x.shape)
        return torch.as_tensor(x)

    monkeypatch.setattr(torch_device, "default", lambda: "cuda")
    monkeypatch.setattr(torch_feed, "default", lambda: "cpu")
    monkeypatch.setattr(torch_feed, "_pinned", pinned)
    return copied


def batches(shuffle=True, samples=10, **options):
    rng = np.random.default_rng(0)
    inputs = {m: rng.normal(size=(samples, 4, width)) for m, width in WIDTHS.items()}
    return Batches(inputs, np.arange(samples) / samples, 4, shuffle, seed=3, **options)


def lmf():
    return LMF(WIDTHS, dim=4, rank=2)


def self_mm():
    return SelfMM(WIDTHS, num_samples=10, lstm_units=3, dim=4, unimodal_dim=3)


def modulated():
    encoders = {
        m: {"class": "TransformerEncoder", "dim": 4, "num_layers": 1, "num_heads": 2}
        for m in WIDTHS
    }
    return Modulated(LateFusion(WIDTHS, encoders=encoders), AGM(0.5))


def fitted(make, **options):
    keras.utils.set_random_seed(0)
    model = make()
    model.compile("adam", "mae")
    history = model.fit(batches(), epochs=3, verbose=0, **options).history
    return history, model


@pytest.mark.parametrize("make", [lmf, self_mm, modulated])
def test_a_model_learns_the_same(gpu, make):
    def run():
        return fitted(make, validation_data=batches(False), shuffle=False)[0]

    fed = run()
    assert len(gpu) > 3 * 2 * 3 * len(WIDTHS)
    gpu.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_device, "default", lambda: "cpu")
        assert run() == fed
    assert gpu == []


@pytest.mark.parametrize("make", [lmf, modulated])
def test_predictions_and_scores_are_the_same(gpu, make):
    model = make()
    model.compile("adam", "mae")
    data = batches(False)
    fed = [model.predict(data, verbose=0)]
    arrays = 3 * (len(WIDTHS) + 1)  # of three batches, with labels
    assert len(gpu) == arrays
    fed.append(model.evaluate(data, verbose=0))
    assert len(gpu) >= 2 * arrays  # Keras may look at the first batch before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_device, "default", lambda: "cpu")
        assert (model.predict(data, verbose=0) == fed[0]).all()
        assert model.evaluate(data, verbose=0) == fed[1]


def served(feed):
    feed.on_epoch_begin()
    found = [feed[i][1][:, 0].tolist() for i in range(len(feed))]
    feed.on_epoch_end()
    return found


def test_each_epoch_has_every_batch_once_in_an_order_of_its_own(gpu):
    keras.utils.set_random_seed(1)
    feed = backend.fed(batches(False, 80), shuffle=True)
    first, second = served(feed), served(feed)
    assert first != second
    in_order = served(batches(False, 80))
    assert sorted(first) == sorted(second) == sorted(in_order)
    assert served(backend.fed(batches(False, 80))) == in_order


def test_a_batch_is_read_while_the_one_before_is_in_use(gpu):
    data = batches(False)
    asked = []
    read = data._read

    def watched(index):
        asked.append(index)
        return read(index)

    data._read = watched
    feed = backend.fed(data)
    feed[0]
    feed._ahead._pool.shutdown()
    assert asked == [0, 1]


@pytest.mark.parametrize("make", [lmf, modulated])
def test_arguments_by_place_are_left_alone(gpu, make):
    model = make()
    model.compile("adam", "mae")
    # x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle
    rest = (None, 0.0, None, False) if make is lmf else ()
    model.fit(batches(), None, None, 2, 0, *rest)
    assert gpu == []


def test_what_is_no_data_set_or_has_workers_is_left_alone(gpu):
    arrays = {m: np.ones((2, 3, width)) for m, width in WIDTHS.items()}
    assert backend.fed(arrays) is arrays
    data = batches()
    data.workers = 2
    assert backend.fed(data) is data
    feed = backend.fed(batches())
    assert backend.fed(feed) is feed
    found, arguments = backend.fed_in_fit(arrays, {"epochs": 2})
    assert found is arrays and arguments == {"epochs": 2}


def test_without_a_gpu_nothing_changes():
    data = batches()
    found, arguments = backend.fed_in_fit(data, {"validation_data": data})
    assert found is data and arguments == {"validation_data": data}
