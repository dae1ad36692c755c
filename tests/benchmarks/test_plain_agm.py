"""The benchmark's plain AGM and kerasfuse's make the same step."""

import pathlib

import keras
import numpy as np
import pytest

from kerasfuse.layers import ResNet18
from kerasfuse.models import LateFusion
from kerasfuse.training import AGM, Modulated

torch = pytest.importorskip("torch")
if keras.config.backend() != "torch":
    pytest.skip("beside PyTorch", allow_module_level=True)

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
IMAGES = {"image": (32, 32, 1), "audio": (48, 40, 2)}
WIDTH, CLASSES, ALPHA = 4, 3, 2.0


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import plain_agm

    return plain_agm


def tensors(model):
    """Give the weights of a plain model in the order of the Keras model's."""
    for encoder in model.encoders:
        yield from unit(encoder.stem, encoder.norm)
        for block in encoder.blocks:
            yield from unit(block.conv1, block.bn1)
            yield from unit(block.conv2, block.bn2)
            if block.shortcut is not None:
                yield from unit(*block.shortcut)
    yield from (model.head.weight, model.head.bias)


def unit(convolution, norm):
    # A moving variance of PyTorch divides by another number: none moves here.
    norm.momentum = 0.0
    return convolution.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var


def as_plain(weight):
    array = keras.ops.convert_to_numpy(weight)
    turned = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim)
    return array if turned is None else array.transpose(turned)


def test_three_steps_are_the_same(plain):
    keras.utils.set_random_seed(0)
    encoders = {m: ResNet18(WIDTH) for m in IMAGES}
    model = LateFusion(IMAGES, encoders, CLASSES)
    for encoder in encoders.values():
        for norm in encoder.norms.values():
            norm.momentum = 1.0
            norm.moving_variance.assign(np.full(norm.gamma.shape, 4.0))
    twin = plain.LateFusion([shape[-1] for shape in IMAGES.values()], CLASSES, WIDTH).train()
    assert len(list(tensors(twin))) == len(model.weights)
    with torch.no_grad():
        for tensor, weight in zip(tensors(twin), model.weights, strict=True):
            tensor.copy_(torch.from_numpy(as_plain(weight)))
    trained = Modulated(model, AGM(ALPHA))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.SGD(0.01), loss)
    agm = plain.PlainAGM(twin, ALPHA)
    optimizer = torch.optim.SGD(twin.parameters(), 0.01)

    rng = np.random.default_rng(0)
    for _ in range(3):
        x = {m: rng.normal(size=(6, *shape)).astype("float32") for m, shape in IMAGES.items()}
        y = rng.integers(0, CLASSES, 6)
        told = float(trained.train_on_batch(x, y))
        optimizer.zero_grad()
        images = [torch.from_numpy(v.transpose(0, 3, 1, 2).copy()) for v in x.values()]
        expected = agm.loss(images, torch.from_numpy(y))
        expected.backward()
        optimizer.step()
        assert told == pytest.approx(expected.item(), rel=1e-4)
        assert all(scale.factor != 1.0 for scale in agm.scales)
    for tensor, weight in zip(tensors(twin), model.weights, strict=True):
        assert as_plain(weight) == pytest.approx(tensor.detach().numpy(), rel=2e-2, abs=2e-4)
